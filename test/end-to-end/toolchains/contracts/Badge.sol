// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";

/// Anybody may take the next badge.
contract Badge is ERC721 {
    uint256 public next;

    constructor() ERC721("Synod Badge", "BADGE") {}

    function take() external returns (uint256 id) {
        id = next++;
        _safeMint(msg.sender, id);
    }
}
