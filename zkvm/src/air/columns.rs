//! Columns with names.
//!
//! A table's row is a struct of cells. [`columns!`] lays it out in the order of its fields and gives it its width, a reader
//! (for constraints), a writer (for traces) and the columns' names (for reports, attacks on each column, and the solver's variables).

/// Declares a row of a table, or a part that several rows share. Fields are `T`, `[T; n]`, `Part<T>` or `[Part<T>; n]`.
macro_rules! columns {
    ($(#[$meta:meta])* $vis:vis struct $name:ident { $($(#[$doc:meta])* $field:ident : $kind:tt $(< $arg:ident >)?),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug)]
        $vis struct $name<T> { $($(#[$doc])* pub $field: $kind $(< $arg >)?,)* }

        #[allow(dead_code)]
        impl<T: Copy> $name<T> {
            /// Cells in a row.
            pub const WIDTH: usize = 0 $(+ $crate::air::columns::columns!(@width $kind $(< $arg >)?))*;

            /// The row in `cells`, which has [`Self::WIDTH`] of them.
            pub fn from_cells(cells: &[T]) -> Self {
                assert_eq!(cells.len(), Self::WIDTH, "a row of another table");
                Self::take(&mut cells.iter())
            }

            /// The row in the next cells.
            pub fn take(cells: &mut core::slice::Iter<'_, T>) -> Self {
                Self { $($field: $crate::air::columns::columns!(@take cells, $kind $(< $arg >)?),)* }
            }

            /// Writes the row over `cells`, which has [`Self::WIDTH`] of them.
            pub fn to_cells(&self, cells: &mut [T]) {
                assert_eq!(cells.len(), Self::WIDTH, "a row of another table");
                self.put(&mut cells.iter_mut());
            }

            /// Writes the row over the next cells.
            pub fn put(&self, cells: &mut core::slice::IterMut<'_, T>) {
                $($crate::air::columns::columns!(@put cells, self.$field, $kind $(< $arg >)?);)*
            }

            /// The columns' names, `prefix` before each.
            pub fn names(prefix: &str) -> Vec<String> {
                let mut names = Vec::with_capacity(Self::WIDTH);
                $($crate::air::columns::columns!(@names names, format!("{prefix}{}", stringify!($field)), $kind $(< $arg >)?);)*
                names
            }
        }
    };

    (@width T) => { 1 };
    (@width [T; $n:expr]) => { $n };
    (@width [$part:ident<T>; $n:expr]) => { $n * $part::<T>::WIDTH };
    (@width $part:ident < $arg:ident >) => { $part::<T>::WIDTH };

    (@take $cells:ident, T) => { *$cells.next().expect("as many cells as columns") };
    (@take $cells:ident, [T; $n:expr]) => { core::array::from_fn(|_| *$cells.next().expect("as many cells as columns")) };
    (@take $cells:ident, [$part:ident<T>; $n:expr]) => { core::array::from_fn(|_| $part::take($cells)) };
    (@take $cells:ident, $part:ident < $arg:ident >) => { $part::take($cells) };

    (@put $cells:ident, $value:expr, T) => { *$cells.next().expect("as many cells as columns") = $value };
    (@put $cells:ident, $value:expr, [T; $n:expr]) => { for value in $value { *$cells.next().expect("as many cells as columns") = value } };
    (@put $cells:ident, $value:expr, [$part:ident<T>; $n:expr]) => { for part in &$value { part.put($cells) } };
    (@put $cells:ident, $value:expr, $part:ident < $arg:ident >) => { $value.put($cells) };

    (@names $names:ident, $field:expr, T) => { $names.push($field) };
    (@names $names:ident, $field:expr, [T; $n:expr]) => { for i in 0..$n { $names.push(format!("{}[{i}]", $field)) } };
    (@names $names:ident, $field:expr, [$part:ident<T>; $n:expr]) => {
        for i in 0..$n { $names.extend($part::<T>::names(&format!("{}[{i}].", $field))) }
    };
    (@names $names:ident, $field:expr, $part:ident < $arg:ident >) => { $names.extend($part::<T>::names(&format!("{}.", $field))) };
}
pub(crate) use columns;
