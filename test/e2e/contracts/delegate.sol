// SPDX-License-Identifier: MIT
// Code that an ordinary account may delegate to (EIP-7702).
pragma solidity ^0.8.30;

contract Delegate {
    uint256 public count;

    event Called(address indexed account, address indexed caller, uint256 count);

    function call() external payable {
        count += 1;
        emit Called(address(this), msg.sender, count);
    }

    receive() external payable {}
}
