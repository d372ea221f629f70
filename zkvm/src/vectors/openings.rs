//! Replays the opening of the commitments: values at ζ, FRI's inputs, layers, queries.

use std::collections::HashMap;

use p3_field::{
    batch_multiplicative_inverse, BasedVectorSpace, Field, PrimeCharacteristicRing, TwoAdicField,
};
use p3_matrix::dense::RowMajorMatrix;
use p3_matrix::Matrix;

use super::format::Element;
use super::layout::{Committed, COMMITMENTS};
use super::manifest::Manifest;
use super::math::{folded, interpolated, log2, reversed, transform};
use super::merkle::permutations;
use super::replay::{flat, Replay};
use crate::config::Challenge;
use crate::error::Error;
use crate::F;

impl Replay {
    pub(super) fn opening(&mut self) -> Result<usize, Error> {
        let zeta = self.folder.one::<Challenge>("challenge/zeta.bin")?;
        let mut count = 0;
        for commitment in COMMITMENTS {
            for matrix in self.manifest().committed(commitment) {
                let file = format!("{commitment}/{}.bin", matrix.name);
                if !self.wants(&format!("opening/{file}")) {
                    continue;
                }
                let values = match commitment {
                    "permutation" | "quotient" => flat(&self.folder.read::<Challenge>(&file)?),
                    _ => self.folder.read::<F>(&file)?,
                };
                let rows =
                    points(zeta, &matrix).into_iter().flat_map(|z| interpolated(&values, matrix.shift(), z));
                let rows = RowMajorMatrix::new(rows.collect(), values.width());
                count += self.folder.check(&format!("opening/{file}"), &rows)?;
            }
        }
        Ok(count)
    }

    /// FRI's inputs: of each height Σ γ^k (f_k(z) - f_k(x)) / (z - x) over its columns and points, k counting them in the order of
    /// the openings. Values on 3 times the subgroup, in bit-reversed order.
    pub(super) fn reduced(&mut self) -> Result<usize, Error> {
        let zeta = self.folder.one::<Challenge>("challenge/zeta.bin")?;
        let gamma = self.folder.one::<Challenge>("challenge/batch.bin")?;
        let mut count = 0;
        for bits in self.manifest().heights() {
            let file = format!("reduced/{bits:02}.bin");
            if !self.wants(&file) {
                continue;
            }
            let height = 1 << bits;
            let generator = F::two_adic_generator(bits);
            let domain: Vec<F> = generator.shifted_powers(F::GENERATOR).take(height).collect();
            let (mut sums, mut power) = (Challenge::zero_vec(height), Challenge::ONE);
            // 1 / (z - x) of the points seen; a table's ζω is that of all tables of its height.
            let mut seen: HashMap<Challenge, Vec<Challenge>> = HashMap::new();
            for commitment in COMMITMENTS {
                for matrix in self.manifest().committed(commitment) {
                    let name = &matrix.name;
                    if matrix.table.log_height + self.manifest().configuration.log_blowup != bits {
                        continue;
                    }
                    let values = self.extended(commitment, name)?;
                    let opened =
                        self.folder.read::<Challenge>(&format!("opening/{commitment}/{name}.bin"))?;
                    let powers: Vec<Challenge> = gamma.powers().take(matrix.width).collect();
                    let join =
                        |row: &[F]| row.iter().zip(&powers).map(|(&x, &power)| power * x).sum::<Challenge>();
                    let joined: Vec<Challenge> = values.row_slices().map(join).collect();
                    for (point, opened) in points(zeta, &matrix).into_iter().zip(opened.row_slices()) {
                        let value: Challenge = opened.iter().zip(&powers).map(|(&y, &power)| power * y).sum();
                        let inverses = seen.entry(point).or_insert_with(|| {
                            let difference = |i| point - domain[reversed(i, bits)];
                            batch_multiplicative_inverse(&(0..height).map(difference).collect::<Vec<_>>())
                        });
                        for ((sum, &joined), &inverse) in sums.iter_mut().zip(&joined).zip(&*inverses) {
                            *sum += power * (value - joined) * inverse;
                        }
                        power *= gamma.exp_u64(matrix.width as u64);
                    }
                }
            }
            count += self.folder.check_column(&file, &sums)?;
        }
        Ok(count)
    }

    /// Layers, their roots and the final polynomial.
    pub(super) fn fold(&mut self) -> Result<usize, Error> {
        let (folding, heights) = (self.manifest().folding.clone(), self.manifest().heights());
        let betas = self.folder.row::<Challenge>("challenge/fold.bin")?;
        let input = |replay: &Self, height: usize| {
            replay.folder.row::<Challenge>(&format!("reduced/{height:02}.bin"))
        };
        let mut values = input(self, heights[0])?;
        let (mut count, mut roots) = (0, Vec::new());
        for (round, (&log_arity, &beta)) in folding.iter().zip(&betas).enumerate() {
            let layer = RowMajorMatrix::new(values, 1 << log_arity);
            count += self.folder.check(&format!("fold/{round:02}.bin"), &layer)?;
            roots.push(self.fold_tree(round)?.root());
            values = folded(&layer.values, log_arity, beta);
            if heights.contains(&log2(values.len())) {
                let factor = beta.exp_power_of_2(log_arity);
                let joining = input(self, log2(values.len()))?;
                values.iter_mut().zip(joining).for_each(|(value, joining)| *value += factor * joining);
            }
        }
        count += self.folder.check_column("root/fold.bin", &roots)?;
        Ok(count + self.folder.check_column("final.bin", &coefficients(&values, self.manifest())?)?)
    }

    /// Rows and paths, and the number of permutations that the trees took.
    pub(super) fn query(&mut self) -> Result<usize, Error> {
        let indices: Vec<usize> = self
            .folder
            .row::<u32>("challenge/indices.bin")?
            .into_iter()
            .map(|index| index as usize)
            .collect();
        let tallest = self.manifest().heights()[0];
        let (mut count, mut hashed) = (0, [0; 2]);
        for commitment in COMMITMENTS {
            let mut dimensions = Vec::new();
            for Committed { name, table, width, .. } in self.manifest().committed(commitment) {
                let height = table.height() << self.manifest().configuration.log_blowup;
                dimensions.push((height, width));
                let file = format!("query/{commitment}/{name}.bin");
                if !self.wants(&file) {
                    continue;
                }
                let shift = tallest - log2(height);
                let rows =
                    rows_at(&self.extended(commitment, &name)?, indices.iter().map(|index| index >> shift));
                count += self.folder.check(&file, &rows)?;
            }
            let shift =
                tallest - dimensions.iter().map(|&(height, _)| log2(height)).max().unwrap_or_default();
            let reduced: Vec<usize> = indices.iter().map(|index| index >> shift).collect();
            let file = format!("query/{commitment}-path.bin");
            if self.wants(&file) {
                let path = self.tree(commitment)?.path(&reduced);
                count += self.folder.check_column(&file, &path)?;
            }
            // The program's tree is not made anew for each segment.
            if commitment != "preprocessed" {
                add(&mut hashed, permutations(&dimensions));
            }
        }
        let mut indices = indices;
        for (round, log_arity) in self.manifest().folding.clone().into_iter().enumerate() {
            let layer = self.folder.read::<Challenge>(&format!("fold/{round:02}.bin"))?;
            let places: Vec<usize> = indices.iter().map(|index| index % (1 << log_arity)).collect();
            indices.iter_mut().for_each(|index| *index >>= log_arity);
            let rows = rows_at(&layer, indices.iter().copied());
            let siblings = rows
                .row_slices()
                .zip(&places)
                .flat_map(|(row, &place)| [&row[..place], &row[place + 1..]].concat());
            let siblings = RowMajorMatrix::new(siblings.collect(), layer.width() - 1);
            count += self.folder.check(&format!("query/fold/{round:02}.bin"), &siblings)?;
            let path = self.fold_tree(round)?.path(&indices);
            count += self.folder.check_column(&format!("query/fold-path/{round:02}.bin"), &path)?;
            add(&mut hashed, permutations(&[(layer.height(), 4 * layer.width())]));
        }
        if hashed != self.manifest().permutations {
            let reason =
                format!("permutations {:?}, the trees take {hashed:?}", self.manifest().permutations);
            return Err(Error::Vectors { file: Manifest::FILE.into(), reason });
        }
        Ok(count)
    }
}

/// Points at which a matrix is opened.
fn points(zeta: Challenge, matrix: &Committed<'_>) -> Vec<Challenge> {
    let generator = F::two_adic_generator(matrix.table.log_height);
    generator.powers().take(matrix.points).map(|power| zeta * power).collect()
}

fn add(sum: &mut [u64; 2], more: [u64; 2]) {
    sum.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
}

fn rows_at<T: Element>(
    matrix: &RowMajorMatrix<T>,
    indices: impl Iterator<Item = usize>,
) -> RowMajorMatrix<T> {
    let width = matrix.width();
    RowMajorMatrix::new(indices.flat_map(|i| matrix.values[i * width..][..width].to_vec()).collect(), width)
}

/// Coefficients of the last codeword's polynomial. It has 2^blowup times as many values as it may have coefficients.
fn coefficients(values: &[Challenge], manifest: &Manifest) -> Result<Vec<Challenge>, Error> {
    let bits = log2(values.len());
    let length = 1 << manifest.configuration.log_final_polynomial;
    let mut columns: Vec<Vec<F>> = Vec::new();
    for k in 0..4 {
        let coefficient = |i: usize| {
            let coefficients: &[F] = values[reversed(i, bits)].as_basis_coefficients_slice();
            coefficients[k]
        };
        let mut column: Vec<F> = (0..values.len()).map(coefficient).collect();
        transform(&mut column, F::two_adic_generator(bits).inverse());
        let factor = F::from_usize(values.len()).inverse();
        column.iter_mut().for_each(|value| *value *= factor);
        columns.push(column);
    }
    if columns.iter().any(|column| column[length..].iter().any(|&x| x != F::ZERO)) {
        return Err(Error::Vectors {
            file: "final.bin".into(),
            reason: "the last codeword is of a polynomial with more coefficients".into(),
        });
    }
    Ok((0..length).map(|i| Challenge::from_basis_coefficients_fn(|k| columns[k][i])).collect())
}
