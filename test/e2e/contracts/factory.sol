// SPDX-License-Identifier: MIT
// Makes children at addresses known beforehand, destroys them, makes them again, and fails to make some.
pragma solidity ^0.8.30;

contract Child {
    uint256 public first;
    uint256 public second;
    mapping(uint256 => uint256) public values;

    constructor() payable {}

    function set(uint256 one, uint256 two, uint256 key, uint256 value) external {
        first = one;
        second = two;
        values[key] = value;
    }

    function destroy(address payable heir) external {
        selfdestruct(heir);
    }
}

contract Unborn {
    uint256 public value;

    constructor() payable {
        value = 7;
        revert("stillborn");
    }
}

contract Factory {
    event Created(address child);
    event Failed(bytes reason);

    constructor() payable {}
    receive() external payable {}

    function create(bytes32 salt, uint256 seed) public payable returns (Child child) {
        child = new Child{salt: salt, value: msg.value}();
        if (seed != 0) child.set(seed, seed + 1, seed, seed + 2);
        emit Created(address(child));
    }

    /// The child is gone when the transaction ends: it was made in the same one.
    function createAndDestroy(bytes32 salt, uint256 seed) external payable {
        create(salt, seed).destroy(payable(address(this)));
    }

    /// The child of an earlier transaction stays; only its balance goes.
    function destroy(Child child) external {
        child.destroy(payable(address(this)));
    }

    function createFailing(bytes32 salt) external payable {
        try new Unborn{salt: salt, value: msg.value}() {
            revert("was born");
        } catch (bytes memory reason) {
            emit Failed(reason);
        }
    }

    /// Writes, makes a child with storage, then takes all of it back.
    function createThenRevert(bytes32 salt, uint256 seed) external payable {
        create(salt, seed);
        revert("taken back");
    }

    /// The same inside a transaction that succeeds.
    function createThenRevertInside(bytes32 salt, uint256 seed) external payable {
        try this.createThenRevert{value: msg.value}(salt, seed) {
            revert("not taken back");
        } catch (bytes memory reason) {
            emit Failed(reason);
        }
    }
}
