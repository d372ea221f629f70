//! The address of a PCI function.

use std::fmt;
use std::str::FromStr;

/// Domain, bus, device and function, written `0000:01:00.0` as in `/sys/bus/pci/devices`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bdf {
    /// PCI domain (segment).
    pub domain: u32,
    /// Bus.
    pub bus: u8,
    /// Device, below 32.
    pub device: u8,
    /// Function, below 8.
    pub function: u8,
}

/// A text that is no address of a PCI function.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no PCI address; write it as 0000:01:00.0 (domain:bus:device.function in hexadecimal), see `permafrost card list`")]
pub struct BdfError(pub String);

impl fmt::Display for Bdf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}:{:02x}:{:02x}.{:x}", self.domain, self.bus, self.device, self.function)
    }
}

impl FromStr for Bdf {
    type Err = BdfError;

    /// Reads `DDDD:BB:DD.F`, or `BB:DD.F` in domain 0.
    fn from_str(text: &str) -> Result<Self, BdfError> {
        read(text).ok_or_else(|| BdfError(text.into()))
    }
}

fn read(text: &str) -> Option<Bdf> {
    // `from_str_radix` takes a sign as well, which has no place here.
    let hex = |digits: &str, least: usize, most: usize| -> Option<u32> {
        let fits = (least..=most).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
        fits.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
    };
    let (rest, function) = text.rsplit_once('.')?;
    let mut parts = rest.rsplit(':');
    let (device, bus, domain) = (parts.next()?, parts.next()?, parts.next());
    if parts.next().is_some() {
        return None;
    }
    let (device, function) = (hex(device, 2, 2)?, hex(function, 1, 1)?);
    if device >= 32 || function >= 8 {
        return None;
    }
    Some(Bdf {
        domain: domain.map_or(Some(0), |d| hex(d, 4, 8))?,
        bus: hex(bus, 2, 2)? as u8,
        device: device as u8,
        function: function as u8,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_linux_writes_them() {
        for text in ["0000:01:00.0", "10000:e1:1f.7", "abcd:ff:00.3"] {
            assert_eq!(text.parse::<Bdf>().unwrap().to_string(), text);
        }
        assert_eq!("01:02.3".parse::<Bdf>().unwrap().to_string(), "0000:01:02.3");
        for text in [
            "",
            "1",
            "01:00",
            "01:00.8",
            "01:20.0",
            "1:00.0",
            "0:01:00.0",
            "x:01:00.0",
            "0000:01:00.0 ",
            "+000:01:00.0",
            "0000:01:00.00",
        ] {
            assert_eq!(text.parse::<Bdf>(), Err(BdfError(text.into())), "{text}");
        }
    }
}
