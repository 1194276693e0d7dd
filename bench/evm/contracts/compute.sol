// SPDX-License-Identifier: MIT
// The programs of the engine's bench that a compiler writes: each takes a size and answers a checksum.
pragma solidity ^0.8.30;

contract Sieve {
    function run(uint256 limit) external pure returns (uint256 count) {
        bool[] memory isComposite = new bool[](limit + 1);
        for (uint256 i = 2; i <= limit; i++) {
            if (isComposite[i]) continue;
            count++;
            for (uint256 j = i * i; j <= limit; j += i) isComposite[j] = true;
        }
    }
}

contract BubbleSort {
    function run(uint256 length) external pure returns (uint256 checksum) {
        uint256[] memory values = new uint256[](length);
        uint256 seed = 12345;
        for (uint256 i = 0; i < length; i++) {
            seed = (seed * 1103515245 + 12345) % 2147483648;
            values[i] = seed;
        }
        for (uint256 i = 0; i + 1 < length; i++) {
            for (uint256 j = 0; j + 1 < length - i; j++) {
                if (values[j] > values[j + 1]) (values[j], values[j + 1]) = (values[j + 1], values[j]);
            }
        }
        for (uint256 i = 0; i < length; i++) checksum = checksum * 31 % 1000000007 + values[i] * (i + 1);
    }
}

contract Mandelbrot {
    int256 constant ONE = 1 << 32;

    function run(uint256 size) external pure returns (uint256 total) {
        for (uint256 row = 0; row < size; row++) {
            for (uint256 column = 0; column < size; column++) {
                int256 re = int256(column) * 3 * ONE / int256(size) - 2 * ONE;
                int256 im = int256(row) * 2 * ONE / int256(size) - ONE;
                total += escapeTime(re, im);
            }
        }
    }

    function escapeTime(int256 re, int256 im) private pure returns (uint256 steps) {
        int256 x = 0;
        int256 y = 0;
        while (steps < 64) {
            int256 xx = x * x >> 32;
            int256 yy = y * y >> 32;
            if (xx + yy > 4 * ONE) break;
            y = (x * y >> 31) + im;
            x = xx - yy + re;
            steps++;
        }
    }
}

contract QuickSort {
    function run(uint256 length) external pure returns (uint256 checksum) {
        uint256[] memory values = new uint256[](length);
        for (uint256 i = 0; i < length; i++) values[i] = uint256(keccak256(abi.encode(i))) >> 192;
        sort(values, 0, int256(length) - 1);
        for (uint256 i = 1; i < length; i++) require(values[i - 1] <= values[i], "not sorted");
        for (uint256 i = 0; i < length; i++) checksum ^= values[i] * (i + 1);
    }

    function sort(uint256[] memory values, int256 left, int256 right) private pure {
        if (left >= right) return;
        uint256 pivot = values[uint256(left + (right - left) / 2)];
        int256 i = left;
        int256 j = right;
        while (i <= j) {
            while (values[uint256(i)] < pivot) i++;
            while (pivot < values[uint256(j)]) j--;
            if (i > j) break;
            (values[uint256(i)], values[uint256(j)]) = (values[uint256(j)], values[uint256(i)]);
            i++;
            j--;
        }
        sort(values, left, j);
        sort(values, i, right);
    }
}

/// Transfers through external calls, each with its frame, its journal and its log.
contract TokenLoop {
    mapping(address => uint256) public balanceOf;

    event Transfer(address indexed from, address indexed to, uint256 value);

    /// @param spread how many recipients take turns
    function run(uint256 count, uint256 spread) external returns (uint256 checksum) {
        balanceOf[address(this)] = 1e30;
        for (uint256 i = 0; i < count; i++) this.transfer(address(uint160(0x10000 + i % spread)), i + 1);
        for (uint256 i = 0; i < spread; i += 7) checksum = checksum * 31 % 1e60 + balanceOf[address(uint160(0x10000 + i))];
    }

    function transfer(address to, uint256 value) external returns (bool) {
        uint256 balance = balanceOf[msg.sender];
        require(balance >= value, "balance too low");
        balanceOf[msg.sender] = balance - value;
        balanceOf[to] += value;
        emit Transfer(msg.sender, to, value);
        return true;
    }
}
