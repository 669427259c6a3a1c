// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {Badge} from "../contracts/Badge.sol";
import {Token} from "../contracts/Token.sol";

interface Vm {
    function startBroadcast() external;
    function stopBroadcast() external;
}

/// What `forge script --broadcast` runs: deploys both contracts and uses them.
contract Deploy {
    Vm private constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    bool public constant IS_SCRIPT = true;

    function run() external {
        VM.startBroadcast();
        Token token = new Token(1_000 ether);
        token.transfer(address(0xBEEF), 1 ether);
        Badge badge = new Badge();
        badge.take();
        VM.stopBroadcast();
    }
}
