//! The macros that state a fact once, and the tables ([`Register`], [`Field`], [`Value`]) they leave for the
//! Verilog and manual readings.

/// Who may write a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read only; writes are ignored by the card.
    Ro,
    /// Readable and writable.
    Rw,
}

/// A register or counter of BAR0.
#[derive(Clone, Copy, Debug)]
pub struct Register {
    /// Upper-case name, as in the manual and in Verilog.
    pub name: &'static str,
    /// Byte offset in BAR0; a 64-bit register has its low half here and its high half at `offset + 4`.
    pub offset: u64,
    /// Who may write it.
    pub access: Access,
    /// 32 or 64.
    pub bits: u32,
    /// One paragraph.
    pub doc: &'static str,
    /// Named bit ranges; empty when the whole word is one value.
    pub fields: &'static [BitField],
}

/// A named bit range of a 32-bit register.
#[derive(Clone, Copy, Debug)]
pub struct BitField {
    /// Lower-case name.
    pub name: &'static str,
    /// Most significant bit, inclusive.
    pub msb: u32,
    /// Least significant bit.
    pub lsb: u32,
    /// One line.
    pub doc: &'static str,
}

/// A byte field of a memory structure (command, completion, point...).
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Lower-case name.
    pub name: &'static str,
    /// Byte offset from the start of the structure.
    pub offset: usize,
    /// Length in bytes.
    pub bytes: usize,
    /// Rust type, for the manual.
    pub ty: &'static str,
    /// One line.
    pub doc: &'static str,
    /// Must be zero; carries nothing.
    pub reserved: bool,
}

/// A named number: an opcode, a status code, a flag, a limit.
#[derive(Clone, Copy, Debug)]
pub struct Value {
    /// Upper-case name without prefix.
    pub name: &'static str,
    /// The number.
    pub value: u64,
    /// Width in bits of the field that carries it.
    pub bits: u32,
    /// One line.
    pub doc: &'static str,
}

/// A value carried by a register bit field.
pub trait FieldValue: Copy {
    /// From the field's bits, shifted down to bit 0.
    fn from_bits(bits: u32) -> Self;
    /// To the field's bits, at bit 0.
    fn to_bits(self) -> u32;
}

impl FieldValue for bool {
    fn from_bits(bits: u32) -> Self {
        bits != 0
    }
    fn to_bits(self) -> u32 {
        self as u32
    }
}

impl FieldValue for u32 {
    fn from_bits(bits: u32) -> Self {
        bits
    }
    fn to_bits(self) -> u32 {
        self
    }
}

/// Mask of `width` low bits.
pub(crate) const fn mask(width: u32) -> u32 {
    if width >= 32 {
        u32::MAX
    } else {
        (1 << width) - 1
    }
}

/// States registers: a module of byte offsets, a table, and one word type with accessors per register with fields.
macro_rules! registers {
    ($(#[doc = $mdoc:literal])+ $module:ident, $table:ident;
     $( $(#[doc = $doc:literal])+ $off:literal $access:ident $bits:literal $name:ident
        $( as $Word:ident { $( $(#[doc = $fdoc:literal])+ $field:ident: $fty:ident [$msb:literal : $lsb:literal] ),* $(,)? } )? ; )*
    ) => {
        $(#[doc = $mdoc])+
        pub mod $module {
            $( $(#[doc = $doc])+ pub const $name: u64 = $off; )*
        }

        $(#[doc = $mdoc])+
        pub const $table: &[$crate::define::Register] = &[ $( $crate::define::Register {
            name: stringify!($name),
            offset: $off,
            access: $crate::define::Access::$access,
            bits: $bits,
            doc: concat!($($doc),+),
            fields: &[ $( $( $crate::define::BitField {
                name: stringify!($field), msb: $msb, lsb: $lsb, doc: concat!($($fdoc),+),
            } ),* )? ],
        } ),* ];

        $( $(
            #[doc = concat!("Word of register ", stringify!($name), ".")]
            #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
            pub struct $Word(pub u32);

            impl $Word {
                $(
                    $(#[doc = $fdoc])+
                    pub fn $field(self) -> $fty {
                        use $crate::define::FieldValue;
                        <$fty>::from_bits((self.0 >> $lsb) & $crate::define::mask($msb - $lsb + 1))
                    }
                )*
                /// The word with the named fields set, all other bits zero; each value is cut to its width.
                #[allow(clippy::too_many_arguments)]
                pub fn from_fields($($field: $fty),*) -> Self {
                    use $crate::define::FieldValue;
                    Self(0 $( | (($field.to_bits() & $crate::define::mask($msb - $lsb + 1)) << $lsb) )*)
                }
            }
        )? )*
    };
}

/// States a little-endian memory structure: a `Pod` struct whose offsets are asserted at compile time, and
/// `FIELDS`. `@ base` is the byte offset of the struct in the structure it belongs to.
macro_rules! layout {
    ($(#[$meta:meta])* $Struct:ident, $size:literal bytes @ $base:literal {
        $( $(#[doc = $doc:literal])+ $off:literal $kind:ident $field:ident: $ty:ty ),* $(,)?
    }) => {
        $(#[$meta])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
        pub struct $Struct {
            $( $(#[doc = $doc])+ pub $field: $ty, )*
        }

        const _: () = {
            assert!(std::mem::size_of::<$Struct>() == $size);
            $( assert!(std::mem::offset_of!($Struct, $field) + $base == $off); )*
        };

        impl $Struct {
            /// Every field in order, offsets counted from the start of the whole structure.
            pub const FIELDS: &'static [$crate::define::Field] = &[ $( $crate::define::Field {
                name: stringify!($field),
                offset: $off,
                bytes: std::mem::size_of::<$ty>(),
                ty: stringify!($ty),
                doc: concat!($($doc),+),
                reserved: layout!(@reserved $kind),
            } ),* ];
        }

        impl Default for $Struct {
            fn default() -> Self {
                <Self as bytemuck::Zeroable>::zeroed()
            }
        }
    };
    (@reserved field) => { false };
    (@reserved zero) => { true };
}

/// States a closed set of numbers: an enum with `TryFrom`, and `TABLE`.
macro_rules! values {
    ($(#[$meta:meta])* $Enum:ident: $repr:ident, $bits:literal bits {
        $( $(#[doc = $doc:literal])+ $variant:ident = $value:literal $name:ident ),* $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr($repr)]
        pub enum $Enum { $( $(#[doc = $doc])+ $variant = $value ),* }

        impl $Enum {
            /// Every value with its upper-case name and one line of text.
            pub const TABLE: &'static [$crate::define::Value] = &[ $( $crate::define::Value {
                name: stringify!($name), value: $value, bits: $bits, doc: concat!($($doc),+),
            } ),* ];

            /// Upper-case name, as in the manual and in Verilog.
            pub fn name(self) -> &'static str {
                match self { $( Self::$variant => stringify!($name) ),* }
            }

            /// One line of text.
            pub fn text(self) -> &'static str {
                match self { $( Self::$variant => concat!($($doc),+).trim_ascii() ),* }
            }
        }

        impl TryFrom<$repr> for $Enum {
            type Error = $repr;
            /// The value with this number; the number itself when there is none.
            fn try_from(number: $repr) -> Result<Self, $repr> {
                match number { $( $value => Ok(Self::$variant), )* other => Err(other) }
            }
        }

        impl std::fmt::Display for $Enum {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

/// States open sets of numbers (flags, limits): constants and a table.
macro_rules! constants {
    ($(#[$meta:meta])* $table:ident { $( $(#[doc = $doc:literal])+ $name:ident: $ty:ident = $value:expr ),* $(,)? }) => {
        $( $(#[doc = $doc])+ pub const $name: $ty = $value; )*

        $(#[$meta])*
        pub const $table: &[$crate::define::Value] = &[ $( $crate::define::Value {
            name: stringify!($name), value: $name as u64, bits: $ty::BITS, doc: concat!($($doc),+),
        } ),* ];
    };
}
