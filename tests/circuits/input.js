// Writes the input of membership.circom for one member of a small group, and the public signals that a proof of it must
// show. Everything is derived from fixed labels: the same call gives the same bytes.
//   node input.js INPUT.json PUBLIC.json [SCOPE]
"use strict";
const { createHash } = require("crypto");
const { writeFileSync } = require("fs");
const { P, poseidon2 } = require("./poseidon.js");

const DEPTH = 12;
const MEMBERS = 100;
const PROVER = 42; // whose membership is proved; members who draw the same place keep only the last of them

const label = (text) => BigInt("0x" + createHash("sha256").update("permafrost test circuit: " + text).digest("hex")) % P;

const members = Array.from({ length: MEMBERS }, (_, i) => {
    const identity = label("identity " + i);
    const trapdoor = label("trapdoor " + i);
    const place = Number(label("place " + i) % BigInt(1 << DEPTH));
    return { identity, trapdoor, place, leaf: poseidon2(identity, trapdoor) };
});

// The tree, sparse: a missing node is the root of an empty subtree of its height.
let level = new Map(members.map((m) => [m.place, m.leaf]));
if (level.get(members[PROVER].place) !== members[PROVER].leaf) throw new Error("the prover's place was taken: change a label");
let empty = 0n;
let place = members[PROVER].place;
const siblings = [];
const directions = [];
for (let height = 0; height < DEPTH; height++) {
    siblings.push(level.get(place ^ 1) ?? empty);
    directions.push(BigInt(place & 1));
    const parents = new Map();
    for (const child of level.keys()) {
        const left = child & ~1;
        parents.set(child >> 1, poseidon2(level.get(left) ?? empty, level.get(left | 1) ?? empty));
    }
    level = parents;
    empty = poseidon2(empty, empty);
    place >>= 1;
}
const root = level.get(0);

const [inputFile, publicFile, scopeText = "2026"] = process.argv.slice(2);
if (!publicFile) {
    console.error("usage: node input.js INPUT.json PUBLIC.json [SCOPE]");
    process.exit(2);
}
const scope = BigInt(scopeText);
const { identity, trapdoor } = members[PROVER];
const text = (value) => JSON.stringify(value, (_, v) => (typeof v === "bigint" ? v.toString() : v), 1) + "\n";
writeFileSync(inputFile, text({ root, scope, identity, trapdoor, siblings, directions }));
writeFileSync(publicFile, text([poseidon2(scope, identity), root, scope]));
