//! LogUp columns and quotients from a table's programs.

use p3_field::{
    batch_multiplicative_inverse, BasedVectorSpace, Field, PrimeCharacteristicRing, TwoAdicField,
};
use p3_matrix::dense::RowMajorMatrix;
use p3_matrix::Matrix;

use super::math::{extended, log2, reversed};
use super::program::{Op, Programs};
use crate::config::Challenge;
use crate::F;

/// A table's columns, on its trace or extended.
#[derive(Debug)]
pub struct Columns {
    /// Main columns.
    pub main: RowMajorMatrix<F>,
    /// Preprocessed columns; width 0 if there are none.
    pub preprocessed: RowMajorMatrix<F>,
    /// Public values.
    pub public: Vec<F>,
}

/// What the lookups' challenges give.
#[derive(Clone, Debug)]
pub struct Fingerprint {
    /// α + (bus + 1) β^W, of each bus.
    prefixes: Vec<Challenge>,
    beta: Challenge,
}

impl Fingerprint {
    /// Of so many buses whose widest message has `widest` fields.
    pub fn new(alpha: Challenge, beta: Challenge, buses: usize, widest: usize) -> Self {
        let step = beta.exp_u64(widest as u64);
        let prefixes = (1..=buses).map(|bus| alpha + step * F::from_usize(bus)).collect();
        Self { prefixes, beta }
    }
}

/// A row as the instructions see it.
struct Row<'a> {
    main: [&'a [F]; 2],
    preprocessed: [&'a [F]; 2],
    public: &'a [F],
    periodic: &'a [F],
    /// First, last, transition.
    selectors: [F; 3],
    permutation: [&'a [Challenge]; 2],
    fingerprint: &'a Fingerprint,
    terminal: Challenge,
}

/// Values of instructions: an instruction's is in one of the two.
struct Machine<'a> {
    ops: &'a [Op],
    base: Vec<F>,
    extension: Vec<Challenge>,
    is_extension: Vec<bool>,
}

impl<'a> Machine<'a> {
    fn new(ops: &'a [Op]) -> Self {
        let mut is_extension = Vec::with_capacity(ops.len());
        for op in ops {
            is_extension.push(match *op {
                Op::Perm(_) | Op::PermNext(_) | Op::Prefix(_) | Op::Beta | Op::Terminal | Op::ExtConst(_) => {
                    true
                }
                Op::Add(a, b) | Op::Sub(a, b) | Op::Mul(a, b) => is_extension[a] || is_extension[b],
                Op::Neg(a) => is_extension[a],
                _ => false,
            });
        }
        let (base, extension) = (F::zero_vec(ops.len()), Challenge::zero_vec(ops.len()));
        Self { ops, base, extension, is_extension }
    }

    fn value(&self, place: usize) -> Challenge {
        if self.is_extension[place] {
            self.extension[place]
        } else {
            self.base[place].into()
        }
    }

    fn run(&mut self, row: &Row<'_>) {
        for (i, op) in self.ops.iter().enumerate() {
            if self.is_extension[i] {
                self.extension[i] = match *op {
                    Op::Perm(c) => row.permutation[0][c],
                    Op::PermNext(c) => row.permutation[1][c],
                    Op::Prefix(bus) => row.fingerprint.prefixes[bus],
                    Op::Beta => row.fingerprint.beta,
                    Op::Terminal => row.terminal,
                    Op::ExtConst(value) => value,
                    Op::Add(a, b) => self.value(a) + self.value(b),
                    Op::Sub(a, b) => self.value(a) - self.value(b),
                    Op::Mul(a, b) if !self.is_extension[a] => self.extension[b] * self.base[a],
                    Op::Mul(a, b) if !self.is_extension[b] => self.extension[a] * self.base[b],
                    Op::Mul(a, b) => self.extension[a] * self.extension[b],
                    Op::Neg(a) => -self.extension[a],
                    _ => Challenge::ZERO,
                };
            } else {
                self.base[i] = match *op {
                    Op::Const(value) => value,
                    Op::Main(c) => row.main[0][c],
                    Op::Next(c) => row.main[1][c],
                    Op::Pre(c) => row.preprocessed[0][c],
                    Op::PreNext(c) => row.preprocessed[1][c],
                    Op::Public(i) => row.public[i],
                    Op::Periodic(i) => row.periodic[i],
                    Op::First => row.selectors[0],
                    Op::Last => row.selectors[1],
                    Op::Transition => row.selectors[2],
                    Op::Add(a, b) => self.base[a] + self.base[b],
                    Op::Sub(a, b) => self.base[a] - self.base[b],
                    Op::Mul(a, b) => self.base[a] * self.base[b],
                    Op::Neg(a) => -self.base[a],
                    _ => F::ZERO,
                };
            }
        }
    }
}

/// Row `i` of a matrix; of one without columns, nothing.
fn row<T: Clone + Send + Sync>(matrix: &RowMajorMatrix<T>, i: usize) -> &[T] {
    &matrix.values[i * matrix.width..(i + 1) * matrix.width]
}

/// The LogUp columns of a trace and the terminal. Column c is the sum of count / (prefix - Σ field_i β^(k-1-i)) over its
/// messages whose count is not 0; the accumulator is the sum of all columns of the rows above; the terminal goes on to the last row.
pub fn permutation(
    programs: &Programs,
    columns: &Columns,
    fingerprint: &Fingerprint,
) -> (RowMajorMatrix<Challenge>, Challenge) {
    let (height, messages) = (columns.main.height(), &programs.messages);
    let width = messages.iter().map(|message| message.column).max().map_or(0, |last| last + 1);
    let mut machine = Machine::new(&programs.message_ops);
    let mut counts = Vec::with_capacity(height * messages.len());
    let mut denominators = Vec::with_capacity(height * messages.len());
    for i in 0..height {
        let next = (i + 1) % height;
        machine.run(&Row {
            main: [row(&columns.main, i), row(&columns.main, next)],
            preprocessed: [row(&columns.preprocessed, i), row(&columns.preprocessed, next)],
            public: &columns.public,
            periodic: &[],
            selectors: [i == 0, i + 1 == height, i + 1 < height].map(F::from_bool),
            permutation: [&[]; 2],
            fingerprint,
            terminal: Challenge::ZERO,
        });
        for message in messages {
            let count = machine.base[message.count];
            let tuple = message
                .fields
                .iter()
                .fold(Challenge::ZERO, |sum, &f| sum * fingerprint.beta + machine.base[f]);
            counts.push(count);
            let denominator = fingerprint.prefixes[message.bus] - tuple;
            denominators.push(if count == F::ZERO { Challenge::ONE } else { denominator });
        }
    }
    let inverses = batch_multiplicative_inverse(&denominators);
    let mut values = Challenge::zero_vec(height * width);
    let mut sum = Challenge::ZERO;
    for i in 0..height {
        let cells = &mut values[i * width..(i + 1) * width];
        cells[0] = sum;
        for (j, message) in messages.iter().enumerate() {
            let fraction = inverses[i * messages.len() + j] * counts[i * messages.len() + j];
            cells[message.column] += fraction;
            sum += fraction;
        }
    }
    (RowMajorMatrix::new(values, width), sum)
}

/// The quotient's chunks. `extended_columns` and `permutation` are extensions by 2^`added_bits` on 3 times the subgroup, rows in
/// bit-reversed order. With k chunks the quotient is worked out at x_i = 3 ω^i, ω of order k · height; chunk j has the values at
/// i ≡ j mod k.
pub fn quotient(
    programs: &Programs,
    columns: &Columns,
    permutation: &RowMajorMatrix<F>,
    (height, chunks): (usize, usize),
    (fingerprint, terminal, challenge): (&Fingerprint, Challenge, Challenge),
) -> Vec<RowMajorMatrix<Challenge>> {
    let size = height * chunks;
    let bits = log2(size);
    let last = F::two_adic_generator(log2(height)).inverse();
    let points: Vec<F> = F::two_adic_generator(bits).shifted_powers(F::GENERATOR).take(size).collect();
    let inverses =
        |root: F| batch_multiplicative_inverse(&points.iter().map(|&x| x - root).collect::<Vec<_>>());
    let (from_first, from_last) = (inverses(F::ONE), inverses(last));
    let periodic: Vec<Vec<F>> = (programs.periodic.iter())
        .map(|cycle| {
            extended(
                &cycle.iter().copied().cycle().take(height).collect::<Vec<_>>(),
                log2(chunks),
                F::GENERATOR,
            )
        })
        .collect();
    let elements = |i: usize| -> Vec<Challenge> {
        row(permutation, i).chunks(4).map(|c| Challenge::from_basis_coefficients_fn(|k| c[k])).collect()
    };
    let mut machine = Machine::new(&programs.ops);
    let mut values = vec![Vec::with_capacity(height); chunks];
    for i in 0..size {
        let [this, next] = [i, (i + chunks) % size].map(|i| reversed(i, bits));
        let vanishing = points[i].exp_power_of_2(log2(height)) - F::ONE;
        let periodic: Vec<F> = periodic.iter().map(|column| column[i]).collect();
        let [here, there] = [elements(this), elements(next)];
        machine.run(&Row {
            main: [row(&columns.main, this), row(&columns.main, next)],
            preprocessed: [row(&columns.preprocessed, this), row(&columns.preprocessed, next)],
            public: &columns.public,
            periodic: &periodic,
            selectors: [vanishing * from_first[i], vanishing * from_last[i], points[i] - last],
            permutation: [&here, &there],
            fingerprint,
            terminal,
        });
        let joined = programs
            .asserts
            .iter()
            .fold(Challenge::ZERO, |sum, &place| sum * challenge + machine.value(place));
        values[i % chunks].push(joined * vanishing.inverse());
    }
    values.into_iter().map(RowMajorMatrix::new_col).collect()
}
