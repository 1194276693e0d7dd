// SPDX-License-Identifier: MIT
// Fifty slots whose sum never changes, however much is moved between them.
pragma solidity ^0.8.30;

contract Ledger {
    uint256 private constant COUNT = 50;
    uint256[COUNT] private amounts;

    constructor() {
        for (uint256 i = 0; i < COUNT; i++) amounts[i] = 1_000_000;
    }

    function move(uint256 from, uint256 to, uint256 amount) external {
        amounts[from] -= amount;
        amounts[to] += amount;
    }

    /// All slots, named one by one: as few instructions as can be, so that it can be asked many times.
    function sum() external view returns (uint256 total) {
        assembly {
            total := add(total, add(sload(0), add(sload(1), add(sload(2), add(sload(3), sload(4))))))
            total := add(total, add(sload(5), add(sload(6), add(sload(7), add(sload(8), sload(9))))))
            total := add(total, add(sload(10), add(sload(11), add(sload(12), add(sload(13), sload(14))))))
            total := add(total, add(sload(15), add(sload(16), add(sload(17), add(sload(18), sload(19))))))
            total := add(total, add(sload(20), add(sload(21), add(sload(22), add(sload(23), sload(24))))))
            total := add(total, add(sload(25), add(sload(26), add(sload(27), add(sload(28), sload(29))))))
            total := add(total, add(sload(30), add(sload(31), add(sload(32), add(sload(33), sload(34))))))
            total := add(total, add(sload(35), add(sload(36), add(sload(37), add(sload(38), sload(39))))))
            total := add(total, add(sload(40), add(sload(41), add(sload(42), add(sload(43), sload(44))))))
            total := add(total, add(sload(45), add(sload(46), add(sload(47), add(sload(48), sload(49))))))
        }
    }

    /// Reads one half of the slots, works for a while, then reads the other half.
    function slowSum(uint256 rounds) external view returns (uint256 total) {
        for (uint256 i = 0; i < COUNT / 2; i++) total += amounts[i];
        bytes32 burnt;
        for (uint256 i = 0; i < rounds; i++) burnt = keccak256(abi.encode(burnt, i));
        for (uint256 i = COUNT / 2; i < COUNT; i++) total += amounts[i];
        if (burnt == bytes32(uint256(1))) total = 0;
    }
}
