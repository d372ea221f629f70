//! The evaluation domain: arkworks' radix-2 domain with its transforms of field elements on the engine.

use ark_bn254::Fr;
use ark_ff::FftField;
use ark_poly::domain::DomainCoeff;
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use ark_serialize::{
    CanonicalDeserialize, CanonicalSerialize, Compress, Read, SerializationError, Valid, Validate, Write,
};

use super::scope::on_engine;
use crate::engine::{NttAccel, Transform};

/// A domain with the elements, roots of unity and bytes of [`Radix2EvaluationDomain`], whose transforms of vectors over
/// BN254's Fr run on the engine in force (see the [module](super)), under its policy. Transforms of anything else, of
/// group elements for example, are arkworks' own.
///
/// ```no_run
/// use ark_bn254::Fr;
/// use ark_poly::EvaluationDomain;
/// use permafrost_zkal::ark::{with_engine, AccelDomain};
/// # fn run(engine: &permafrost_zkal::Engine, coefficients: Vec<Fr>) -> permafrost_zkal::Result<()> {
/// let domain = AccelDomain::<Fr>::new(coefficients.len()).expect("BN254 has domains of up to 2^28 elements");
/// let values = with_engine(engine, || domain.fft(&coefficients))?;
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AccelDomain<F: FftField = Fr>(Radix2EvaluationDomain<F>);

/// Direction of a transform.
#[derive(Clone, Copy)]
enum Direction {
    Forward,
    Inverse,
}

impl<F: FftField> AccelDomain<F> {
    /// The same domain for arkworks.
    pub fn plain(&self) -> Radix2EvaluationDomain<F> {
        self.0
    }

    /// Runs the transform on the engine, if it is one over Fr.
    fn on_engine<T: DomainCoeff<F>>(&self, values: &mut Vec<T>, direction: Direction) -> bool {
        let fr = typeid::of::<Fr>();
        if typeid::of::<T>() != fr || typeid::of::<F>() != fr {
            return false;
        }
        values.resize(self.size(), T::zero());
        // SAFETY: both pairs of types have just been found to be the same.
        let (values, domain) = unsafe {
            let values: *mut Vec<T> = values;
            let domain: *const Radix2EvaluationDomain<F> = &self.0;
            (&mut *values.cast::<Vec<Fr>>(), &*domain.cast::<Radix2EvaluationDomain<Fr>>())
        };
        let transform = transform(domain);
        let transform = match direction {
            Direction::Forward => transform,
            Direction::Inverse => transform.inverse(),
        };
        on_engine(|engine| engine.ntt(&transform, values));
        true
    }
}

/// From coefficients to values on `domain`, the factors of its coset included.
pub(super) fn transform<F: FftField, D: EvaluationDomain<F>>(domain: &D) -> Transform<F> {
    let log_n = domain.log_size_of_group() as u32;
    Transform::with_omega(log_n, domain.group_gen()).on_coset(domain.coset_offset())
}

impl<F: FftField> From<Radix2EvaluationDomain<F>> for AccelDomain<F> {
    fn from(domain: Radix2EvaluationDomain<F>) -> Self {
        AccelDomain(domain)
    }
}

impl<F: FftField> EvaluationDomain<F> for AccelDomain<F> {
    type Elements = <Radix2EvaluationDomain<F> as EvaluationDomain<F>>::Elements;

    fn new(num_coeffs: usize) -> Option<Self> {
        Radix2EvaluationDomain::new(num_coeffs).map(Self)
    }

    fn get_coset(&self, offset: F) -> Option<Self> {
        self.0.get_coset(offset).map(Self)
    }

    fn compute_size_of_domain(num_coeffs: usize) -> Option<usize> {
        Radix2EvaluationDomain::<F>::compute_size_of_domain(num_coeffs)
    }

    fn size(&self) -> usize {
        self.0.size()
    }

    fn log_size_of_group(&self) -> u64 {
        self.0.log_size_of_group()
    }

    fn size_inv(&self) -> F {
        self.0.size_inv()
    }

    fn group_gen(&self) -> F {
        self.0.group_gen()
    }

    fn group_gen_inv(&self) -> F {
        self.0.group_gen_inv()
    }

    fn coset_offset(&self) -> F {
        self.0.coset_offset()
    }

    fn coset_offset_inv(&self) -> F {
        self.0.coset_offset_inv()
    }

    fn coset_offset_pow_size(&self) -> F {
        self.0.coset_offset_pow_size()
    }

    fn fft_in_place<T: DomainCoeff<F>>(&self, coeffs: &mut Vec<T>) {
        if !self.on_engine(coeffs, Direction::Forward) {
            self.0.fft_in_place(coeffs);
        }
    }

    fn ifft_in_place<T: DomainCoeff<F>>(&self, evals: &mut Vec<T>) {
        if !self.on_engine(evals, Direction::Inverse) {
            self.0.ifft_in_place(evals);
        }
    }

    fn elements(&self) -> Self::Elements {
        self.0.elements()
    }
}

impl<F: FftField> CanonicalSerialize for AccelDomain<F> {
    fn serialize_with_mode<W: Write>(&self, writer: W, compress: Compress) -> Result<(), SerializationError> {
        self.0.serialize_with_mode(writer, compress)
    }

    fn serialized_size(&self, compress: Compress) -> usize {
        self.0.serialized_size(compress)
    }
}

impl<F: FftField> Valid for AccelDomain<F> {
    fn check(&self) -> Result<(), SerializationError> {
        self.0.check()
    }
}

impl<F: FftField> CanonicalDeserialize for AccelDomain<F> {
    fn deserialize_with_mode<R: Read>(
        reader: R,
        compress: Compress,
        validate: Validate,
    ) -> Result<Self, SerializationError> {
        Radix2EvaluationDomain::deserialize_with_mode(reader, compress, validate).map(Self)
    }
}
