pragma circom 2.0.0;

include "poseidon.circom";

// Orders the running hash and its sibling by the direction bit (0: the running hash is the left child).
template Children() {
    signal input running;
    signal input sibling;
    signal input direction;
    signal output left;
    signal output right;
    direction * (1 - direction) === 0;
    signal swap <== direction * (sibling - running);
    left <== running + swap;
    right <== sibling - swap;
}

// "I know the secrets of one leaf of the tree with this root, and this is that leaf's nullifier for this scope."
// The leaf is Poseidon(identity, trapdoor); the nullifier is Poseidon(scope, identity), so one member can act once in
// a scope, and nobody learns which leaf it was.
template Membership(depth) {
    signal input root;
    signal input scope;
    signal input identity;
    signal input trapdoor;
    signal input siblings[depth];
    signal input directions[depth];
    signal output nullifier;

    component leaf = Poseidon2();
    leaf.left <== identity;
    leaf.right <== trapdoor;

    component children[depth];
    component node[depth];
    for (var level = 0; level < depth; level++) {
        children[level] = Children();
        children[level].running <== level == 0 ? leaf.out : node[level - 1].out;
        children[level].sibling <== siblings[level];
        children[level].direction <== directions[level];
        node[level] = Poseidon2();
        node[level].left <== children[level].left;
        node[level].right <== children[level].right;
    }
    node[depth - 1].out === root;

    component action = Poseidon2();
    action.left <== scope;
    action.right <== identity;
    nullifier <== action.out;
}

component main {public [root, scope]} = Membership(12);
