// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// The staking contract: where ether becomes stake, and stake is asked back.
///
/// It lives at a fixed address from genesis on and knows nothing of consensus: it checks what it is told, keeps who
/// deposited for which key, and says it in events. The engine reads the events of each block and acts on them one block
/// later. What is deposited stays here; what is withdrawn is credited by the engine to the depositor's account.
///
/// Keys are those of BLS12-381 with public keys in G1 and signatures in G2, in the precompiles' form (EIP-2537): each
/// coordinate in 64 bytes, most significant first. Events carry the usual compressed form of 48 and 96 bytes.
contract Staking {
    event Deposit(bytes publicKey, address indexed depositor, uint256 amount, bytes proof);
    event TopUp(bytes publicKey, address indexed sender, uint256 amount);
    event Exit(bytes publicKey, address indexed depositor);
    event Withdraw(bytes publicKey, address indexed depositor);
    event Report(bytes offence, address indexed reporter);

    error BadPublicKey();
    error BadProof();
    error TooLittle(uint256 sent, uint256 minimum);
    error NotWholeGwei(uint256 sent);
    error TooMuch(uint256 sent, uint256 maximum);
    error AlreadyDeposited(address depositor);
    error UnknownKey();
    error NotTheDepositor(address depositor);
    error AlreadyExiting();
    error BadReport(uint256 length, uint256 maximum);

    struct Stake {
        address depositor;
        bool exiting;
    }

    /// In wei, of the first deposit of a key; set by the genesis file.
    uint256 public minimumDeposit;
    /// By the keccak of the compressed key.
    mapping(bytes32 => Stake) public stakes;

    uint256 private constant MINIMUM_TOP_UP = 1 ether;
    /// 2^63 gwei: more cannot be meant.
    uint256 private constant MAXIMUM = uint256(1 << 63) * 1 gwei;
    uint256 private constant MAXIMUM_REPORT = 65536;

    /// `publicKey` is a point of G1 (128 bytes), `proof` a signature of `proofMessage` by that key (256 bytes).
    function deposit(bytes calldata publicKey, bytes calldata proof) external payable {
        checkAmount(minimumDeposit);
        if (publicKey.length != 128) revert BadPublicKey();
        if (proof.length != 256) revert BadProof();
        bytes memory key = compressG1(publicKey);
        Stake storage stake = stakes[keccak256(key)];
        if (stake.depositor != address(0)) revert AlreadyDeposited(stake.depositor);
        if (!isSignature(publicKey, proof, proofMessage(key, msg.sender))) revert BadProof();
        stake.depositor = msg.sender;
        emit Deposit(key, msg.sender, msg.value, compressG2(proof));
    }

    /// By anybody, to a key that has a deposit.
    function topUp(bytes calldata key) external payable {
        checkAmount(MINIMUM_TOP_UP);
        if (stakes[keccak256(key)].depositor == address(0)) revert UnknownKey();
        emit TopUp(key, msg.sender, msg.value);
    }

    function exit(bytes calldata key) external {
        Stake storage stake = ownStake(key);
        if (stake.exiting) revert AlreadyExiting();
        stake.exiting = true;
        emit Exit(key, msg.sender);
    }

    /// Asks for the stake of a validator that has exited (by its own wish or as an offender): paid when it is due.
    function withdraw(bytes calldata key) external {
        ownStake(key);
        emit Withdraw(key, msg.sender);
    }

    /// Evidence against a validator, encoded as the engine defines it. The reporter has a share of what it loses.
    function report(bytes calldata offence) external {
        if (offence.length == 0 || offence.length > MAXIMUM_REPORT) revert BadReport(offence.length, MAXIMUM_REPORT);
        emit Report(offence, msg.sender);
    }

    /// What a key signs to prove that its owner agrees to this depositor. Names the chain, so that it is good for one only.
    function proofMessage(bytes memory key, address depositor) public view returns (bytes32) {
        return keccak256(abi.encodePacked("synod/pos/deposit", block.chainid, depositor, key));
    }

    function ownStake(bytes calldata key) private view returns (Stake storage stake) {
        stake = stakes[keccak256(key)];
        if (stake.depositor == address(0)) revert UnknownKey();
        if (stake.depositor != msg.sender) revert NotTheDepositor(stake.depositor);
    }

    function checkAmount(uint256 minimum) private view {
        if (msg.value < minimum) revert TooLittle(msg.value, minimum);
        if (msg.value > MAXIMUM) revert TooMuch(msg.value, MAXIMUM);
        if (msg.value % 1 gwei != 0) revert NotWholeGwei(msg.value);
    }

    // BLS12-381

    bytes private constant P_HIGH = hex"000000000000000000000000000000001a0111ea397fe69a4b1ba7b6434bacd7";
    uint256 private constant P_TOP = 0x1a0111ea397fe69a4b1ba7b6434bacd7;
    uint256 private constant P_LOW = 0x64774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab;
    // (p - 1) / 2
    uint256 private constant HALF_TOP = 0x0d0088f51cbff34d258dd3db21a5d66b;
    uint256 private constant HALF_LOW = 0xb23ba5c279c2895fb39869507b587b120f55ffff58a9ffffdcff7fffffffd555;
    bytes private constant DST = "BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_";

    /// e(-G, signature) * e(key, H(message)) = 1. The precompile checks that both points are in their groups.
    function isSignature(bytes calldata key, bytes calldata signature, bytes32 message) private view returns (bool) {
        if (isZero(key) || isZero(signature)) return false;
        (bool done, bytes memory result) = address(0x0f).staticcall(
            abi.encodePacked(NEGATED_GENERATOR, signature, key, hashToG2(message))
        );
        return done && result.length == 32 && abi.decode(result, (uint256)) == 1;
    }

    bytes private constant NEGATED_GENERATOR =
        hex"0000000000000000000000000000000017f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb"
        hex"00000000000000000000000000000000114d1d6855d545a8aa7d76c8cf2e21f267816aef1db507c96655b9d5caac42364e6f38ba0ecb751bad54dcd6b939c2ca";

    /// RFC 9380, hash_to_curve with the suite BLS12381G2_XMD:SHA-256_SSWU_RO_. The precompile clears the cofactor.
    function hashToG2(bytes32 message) private view returns (bytes memory) {
        bytes memory uniform = expandMessage(message);
        bytes memory first = mapToG2(uniform, 0);
        bytes memory second = mapToG2(uniform, 128);
        return mustCall(address(0x0d), abi.encodePacked(first, second));
    }

    /// RFC 9380, section 5.3.1: expand_message_xmd to 256 bytes.
    function expandMessage(bytes32 message) private pure returns (bytes memory uniform) {
        bytes memory suffix = abi.encodePacked(DST, uint8(DST.length));
        bytes32 start = sha256(abi.encodePacked(new bytes(64), message, uint16(256), uint8(0), suffix));
        bytes32 last = sha256(abi.encodePacked(start, uint8(1), suffix));
        uniform = abi.encodePacked(last);
        for (uint8 i = 2; i <= 8; i++) {
            last = sha256(abi.encodePacked(start ^ last, i, suffix));
            uniform = abi.encodePacked(uniform, last);
        }
    }

    /// Two field elements of 64 bytes each, reduced modulo p, to a point.
    function mapToG2(bytes memory uniform, uint256 offset) private view returns (bytes memory) {
        return mustCall(address(0x11), abi.encodePacked(modP(uniform, offset), modP(uniform, offset + 64)));
    }

    function modP(bytes memory uniform, uint256 offset) private view returns (bytes memory) {
        uint256 high;
        uint256 low;
        assembly {
            high := mload(add(add(uniform, 32), offset))
            low := mload(add(add(uniform, 64), offset))
        }
        // Base of 64 bytes, exponent 1, modulus p in 64 bytes.
        return
            mustCall(
                address(0x05),
                abi.encodePacked(uint256(64), uint256(1), uint256(64), high, low, uint8(1), P_HIGH, P_LOW)
            );
    }

    function mustCall(address precompile, bytes memory input) private view returns (bytes memory result) {
        bool done;
        (done, result) = precompile.staticcall(input);
        require(done);
    }

    /// The x coordinate with three flags: compressed, (not the neutral point), y is the larger of the two.
    function compressG1(bytes calldata point) private pure returns (bytes memory compressed) {
        (uint256 xTop, uint256 xLow) = coordinate(point, 0);
        (uint256 yTop, uint256 yLow) = coordinate(point, 64);
        if (isZero(point)) revert BadPublicKey();
        uint256 flags = isLarger(yTop, yLow) ? 0xa0 : 0x80;
        compressed = abi.encodePacked(uint128(xTop | (flags << 120)), xLow);
    }

    /// The imaginary part of x comes first; that of y decides, unless it is 0.
    function compressG2(bytes calldata point) private pure returns (bytes memory) {
        (uint256 realTop, uint256 realLow) = coordinate(point, 0);
        (uint256 imaginaryTop, uint256 imaginaryLow) = coordinate(point, 64);
        (uint256 yTop, uint256 yLow) = coordinate(point, 192);
        if (yTop == 0 && yLow == 0) (yTop, yLow) = coordinate(point, 128);
        uint256 flags = isLarger(yTop, yLow) ? 0xa0 : 0x80;
        return abi.encodePacked(uint128(imaginaryTop | (flags << 120)), imaginaryLow, uint128(realTop), realLow);
    }

    function coordinate(bytes calldata point, uint256 offset) private pure returns (uint256 top, uint256 low) {
        top = uint256(bytes32(point[offset:offset + 32]));
        low = uint256(bytes32(point[offset + 32:offset + 64]));
        // Only a number below p has one form.
        if (top > P_TOP || (top == P_TOP && low >= P_LOW)) revert BadPublicKey();
    }

    function isLarger(uint256 top, uint256 low) private pure returns (bool) {
        return top > HALF_TOP || (top == HALF_TOP && low > HALF_LOW);
    }

    function isZero(bytes calldata data) private pure returns (bool) {
        for (uint256 i = 0; i < data.length; i += 32) if (bytes32(data[i:i + 32]) != 0) return false;
        return true;
    }
}
