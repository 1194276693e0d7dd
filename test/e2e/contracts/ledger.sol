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

    function sum() public view returns (uint256 total) {
        for (uint256 i = 0; i < COUNT; i++) total += amounts[i];
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
