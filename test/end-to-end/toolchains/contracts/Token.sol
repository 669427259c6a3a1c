// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// A currency, as most tools expect one to be: the whole supply goes to whoever deploys it.
contract Token is ERC20 {
    constructor(uint256 supply) ERC20("Synod Token", "SYN") {
        _mint(msg.sender, supply);
    }
}
