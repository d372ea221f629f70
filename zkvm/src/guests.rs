//! The guest programs of `zkvm/guests`, each with inputs and what it must output.
//!
//! Tests, benchmarks and examples run them. Their sources are C and assembly; their ELFs (a few hundred bytes to 4 kB each) are
//! committed there (`make guests` builds them) and included here. What they must output is worked out by [`model`].

pub mod model;

use model::{Ledger, Transfer, Tree};

/// A program and its inputs for any size.
#[derive(Clone, Copy, Debug)]
pub struct Guest {
    /// The ELF file's name without its ending.
    pub name: &'static str,
    /// What it does and what the size counts.
    pub about: &'static str,
    /// The ELF file.
    pub elf: &'static [u8],
    /// A size for tests: 3,000 to 25,000 cycles, or few calls of a precompiled table.
    pub small: u32,
    /// A size for figures: 300,000 to 1,000,000 cycles, or many calls of a precompiled table.
    pub scaled: u32,
    make: fn(u32) -> Run,
}

/// What a program is given, and what must come out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Public input.
    pub input: Vec<u32>,
    /// Private hints.
    pub hints: Vec<u32>,
    /// Public output.
    pub output: Vec<u32>,
    /// Exit code.
    pub exit: u32,
}

impl Guest {
    /// The guest of this name.
    pub fn find(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|guest| guest.name == name)
    }

    /// Inputs and output for a size.
    pub fn run(&self, size: u32) -> Run {
        (self.make)(size)
    }

    /// Inputs and output for tests.
    pub fn small(&self) -> Run {
        self.run(self.small)
    }

    /// Inputs and output for figures.
    pub fn scaled(&self) -> Run {
        self.run(self.scaled)
    }
}

macro_rules! guests {
    ($($name:literal $small:literal $scaled:literal $make:path, $about:literal;)*) => {
        /// Every guest.
        pub const ALL: &[Guest] = &[$(Guest {
            name: $name,
            about: $about,
            elf: include_bytes!(concat!("../guests/elf/", $name, ".elf")),
            small: $small,
            scaled: $scaled,
            make: $make,
        },)*];
    };
}

guests! {
    "hello" 0 0 hello, "assembly: writes two words; it has no size";
    "collatz" 60 1500 collatz, "assembly: of all starts up to the size, the longest Collatz sequence";
    "fibonacci" 1000 100_000 fibonacci, "the size's Fibonacci number modulo 10^9 + 7";
    "sha256" 1 100 sha256, "SHA-256 applied size times, in RISC-V";
    "sha256-pre" 60 5000 sha256, "SHA-256 applied size times, by the precompiled table";
    "keccak" 1 20 keccak, "Keccak-f[1600] applied size times, in RISC-V";
    "keccak-pre" 10 1000 keccak, "Keccak-f[1600] applied size times, by the precompiled table";
    "poseidon2" 1 50 poseidon2, "Poseidon2-16 applied size times, in RISC-V";
    "poseidon2-pre" 50 5000 poseidon2, "Poseidon2-16 applied size times, by the precompiled table";
    "quicksort" 100 5000 quicksort, "sorts as many words of a generator";
    "merkle" 4 300 merkle, "as many membership proofs in a tree of 1024 leaves";
    "transfers" 2 150 transfers, "a state transition: as many transfers between 256 accounts in a tree";
}

macro_rules! instructions {
    ($($name:literal)*) => {
        /// A test program for each instruction of RV32IM: its name and its ELF. It takes no input and writes no output; its exit
        /// code is 0, or the number of the case that failed.
        pub const INSTRUCTIONS: &[(&str, &[u8])] = &[
            $(($name, include_bytes!(concat!("../guests/elf/instructions/", $name, ".elf"))),)*
        ];
    };
}

instructions! {
    "lui" "auipc" "jal" "jalr" "beq" "bne" "blt" "bge" "bltu" "bgeu" "lb" "lh" "lw" "lbu" "lhu" "sb" "sh" "sw"
    "addi" "slti" "sltiu" "xori" "ori" "andi" "slli" "srli" "srai" "add" "sub" "sll" "slt" "sltu" "xor" "srl" "sra" "or" "and"
    "fence" "ecall" "mul" "mulh" "mulhsu" "mulhu" "div" "divu" "rem" "remu"
}

/// A run that ends well.
fn ends(input: Vec<u32>, hints: Vec<u32>, output: Vec<u32>) -> Run {
    Run { input, hints, output, exit: 0 }
}

fn hello(_: u32) -> Run {
    ends(vec![], vec![], vec![u32::from_le_bytes(*b"hell"), u32::from_le_bytes(*b"o\n\0\0")])
}

fn collatz(n: u32) -> Run {
    let (start, steps) = model::collatz(n);
    ends(vec![n], vec![], vec![start, steps])
}

fn fibonacci(n: u32) -> Run {
    ends(vec![n], vec![], vec![model::fibonacci(n)])
}

fn sha256(n: u32) -> Run {
    ends(vec![n], vec![], model::sha256(n).to_vec())
}

fn keccak(n: u32) -> Run {
    ends(
        vec![n],
        vec![],
        model::keccak(n)[..4].iter().flat_map(|&lane| [lane as u32, (lane >> 32) as u32]).collect(),
    )
}

fn poseidon2(n: u32) -> Run {
    ends(vec![n], vec![], model::poseidon2(n)[..8].to_vec())
}

fn quicksort(n: u32) -> Run {
    const SEED: u32 = 0x2545_f491;
    let mut words: Vec<u32> = model::xorshift(SEED).take(n as usize).collect();
    words.sort_unstable();
    let sum = words.iter().fold(0u32, |sum, &word| sum.wrapping_add(word));
    let weighted =
        (1u32..).zip(&words).fold(0u32, |sum, (place, &word)| sum.wrapping_add(place.wrapping_mul(word)));
    ends(vec![n, SEED], vec![], vec![sum, weighted])
}

/// Leaves at places that a generator names; leaf i is (i, 1, 2, ..., 7).
fn merkle(n: u32) -> Run {
    const DEPTH: u32 = 10;
    let leaf = |index: u32| [index, 1, 2, 3, 4, 5, 6, 7];
    let tree = Tree::new((0..1 << DEPTH).map(leaf).collect());
    let mut input = [tree.root().as_slice(), &[DEPTH, n]].concat();
    let mut hints = vec![];
    for index in model::xorshift(7).map(|word| word >> (32 - DEPTH)).take(n as usize) {
        input.push(index);
        input.extend(leaf(index));
        hints.extend(tree.path(index));
    }
    ends(input, hints, tree.root().to_vec())
}

/// Each account starts with 1000 and its own number times 10; every third transfer is to oneself.
fn transfers(n: u32) -> Run {
    const ACCOUNTS: u32 = 256;
    let mut ledger = Ledger::new((0..ACCOUNTS).map(|index| 1000 + 10 * index).collect());
    let mut words = model::xorshift(11);
    let mut word = || words.next().unwrap_or_default();
    let orders: Vec<Transfer> = (0..n)
        .map(|i| {
            let from = word() % ACCOUNTS;
            Transfer { from, to: if i % 3 == 2 { from } else { word() % ACCOUNTS }, amount: word() % 8 }
        })
        .collect();
    let (input, hints) = ledger.apply(&orders);
    ends(input, hints, ledger.root().to_vec())
}
