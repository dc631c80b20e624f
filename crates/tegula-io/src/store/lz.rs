//! Packings that repeat what came before: LZ4's blocks, and Blosc's own.

/// An LZ4 block that becomes `size` bytes.
pub(super) fn lz4(bytes: &[u8], size: usize) -> Option<Vec<u8>> {
    const SHORTEST: usize = 4;
    let mut out = Vec::with_capacity(size);
    let mut at = 0;
    let length = |at: &mut usize, start: usize| -> Option<usize> {
        let mut n = start;
        if start == 15 {
            loop {
                let b = *bytes.get(*at)?;
                *at += 1;
                n += usize::from(b);
                if b < 255 {
                    break;
                }
            }
        }
        Some(n)
    };
    while at < bytes.len() {
        let token = bytes[at];
        at += 1;
        let literal = length(&mut at, usize::from(token >> 4))?;
        out.extend_from_slice(bytes.get(at..at.checked_add(literal)?)?);
        at += literal;
        if out.len() > size {
            return None;
        }
        if at == bytes.len() {
            break;
        }
        let back = usize::from(u16::from_le_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]));
        at += 2;
        let run = length(&mut at, usize::from(token & 15))? + SHORTEST;
        repeat(&mut out, back, run, size)?;
    }
    (out.len() == size).then_some(out)
}

/// A block of Blosc's own packing that becomes `size` bytes.
pub(super) fn blosclz(bytes: &[u8], size: usize) -> Option<Vec<u8>> {
    const FAR: usize = 8191;
    let mut out = Vec::with_capacity(size);
    let mut at = 1;
    let mut control = usize::from(*bytes.first()? & 31);
    loop {
        if control >= 32 {
            let mut run = (control >> 5) - 1;
            let mut back = (control & 31) << 8;
            if run == 6 {
                loop {
                    let b = *bytes.get(at)?;
                    at += 1;
                    run += usize::from(b);
                    if b < 255 {
                        break;
                    }
                }
            }
            let low = *bytes.get(at)?;
            at += 1;
            back += usize::from(low);
            // The farthest place has sixteen more bits behind it.
            if low == 255 && back == FAR {
                back = FAR + (usize::from(*bytes.get(at)?) << 8 | usize::from(*bytes.get(at + 1)?));
                at += 2;
            }
            repeat(&mut out, back + 1, run + 3, size)?;
        } else {
            let literal = control + 1;
            out.extend_from_slice(bytes.get(at..at + literal)?);
            at += literal;
            if out.len() > size {
                return None;
            }
        }
        let Some(&next) = bytes.get(at) else { break };
        control = usize::from(next);
        at += 1;
    }
    (out.len() == size).then_some(out)
}

/// Repeats `run` bytes from `back` bytes before the end.
fn repeat(out: &mut Vec<u8>, back: usize, run: usize, size: usize) -> Option<()> {
    let start = out.len().checked_sub(back).filter(|_| back > 0)?;
    if out.len() + run > size {
        return None;
    }
    for k in start..start + run {
        out.push(out[k]);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_lz4_are_unpacked_and_broken_ones_refused() {
        // "abcdabcdabcdabcd": four literals, then a run of twelve from four before.
        assert_eq!(lz4(b"\x48abcd\x04\x00", 16).unwrap(), b"abcdabcdabcdabcd");
        for broken in [&b"\x48abcd\x05\x00"[..], b"\x48abcd\x00\x00", b"\x48ab", b"\xf0\xff\xff"] {
            assert_eq!(lz4(broken, 16), None);
        }
    }
}
