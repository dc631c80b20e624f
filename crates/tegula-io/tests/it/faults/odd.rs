//! Checksums, numbers, names and magic bytes that are not what they should be.

use std::fs;

use super::{BARCODES, GENES, MTX, folder, gzip, message, read, tenx};

#[test]
fn a_checksum_that_does_not_fit_is_refused_wherever_it_is() {
    let spoiled = |text: &str| {
        let mut bytes = gzip(text.as_bytes());
        let crc = bytes.len() - 8;
        bytes[crc] ^= 1;
        bytes
    };
    let words = "the gzip stream is damaged or cut short";
    for name in ["matrix.mtx", "genes.tsv", "barcodes.tsv"] {
        let dir = tenx(MTX, GENES, BARCODES);
        let plain = fs::read_to_string(dir.path().join(name)).unwrap();
        fs::remove_file(dir.path().join(name)).unwrap();
        let packed = dir.path().join(format!("{name}.gz"));
        fs::write(&packed, gzip(plain.as_bytes())).unwrap();
        assert!(read(dir.path()).is_ok(), "{name}");
        fs::write(&packed, spoiled(&plain)).unwrap();
        let e = message(dir.path());
        assert!(e.contains(words) && e.contains(name), "{e}");
    }
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [("a.csv.gz", ",A\nc,1\n"), ("a.tsv.gz", "\tActb\n1x1\t2\n")] {
        fs::write(dir.path().join(name), spoiled(text)).unwrap();
        assert!(message(&dir.path().join(name)).contains(words));
    }
}

#[test]
fn numbers_that_are_no_counts_are_read_and_told_of() {
    for (value, told) in [("nan", true), ("inf", true), ("-inf", true), ("1e99", true), ("-3", false), ("0.5", false)] {
        let mtx = MTX.replace("3 1 2", &format!("3 1 {value}")).replace("integer", "real");
        let csv = format!(",A\nc,{value}\n");
        let dir = folder(&[("a.csv", &csv)]);
        for r in [read(tenx(&mtx, GENES, BARCODES).path()), read(&dir.path().join("a.csv"))] {
            let notes = r.unwrap().notes;
            assert_eq!(notes.iter().any(|n| n.starts_with("1 values of X are not finite")), told, "{value}: {notes:?}");
        }
    }
}

#[test]
fn names_that_are_not_utf8_are_refused_with_their_line() {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("a.gem", &b"geneID\tx\ty\tMIDCount\nActb\t1\t2\t3\n\xffActb\t1\t2\t3\n"[..]),
        ("a.csv", b",A\nb,1\n\xff,1\n"),
        ("a.tsv", b"\tA\n1x1\t1\n1x2\xff\t1\n"),
    ] {
        fs::write(dir.path().join(name), text).unwrap();
        let e = message(&dir.path().join(name));
        assert!(e.contains("line 3`: is not UTF-8"), "{e}");
    }
}

#[test]
fn what_a_name_promises_and_the_bytes_do_not_hold_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let noise: Vec<u8> = (0..4000u32).map(|k| (k.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for name in ["a.h5ad", "a.h5", "a.loom", "a.gef", "a.gem", "a.gem.gz", "a.csv", "a.zarr.zip", "a.parquet"] {
        let path = dir.path().join(name);
        for magic in [&b"\x89HDF\r\n\x1a\n"[..], b"PK\x03\x04", b"\x1f\x8b\x08", b"PAR1", b""] {
            fs::write(&path, [magic, &noise].concat()).unwrap();
            assert!(message(&path).contains(name), "{name}");
            let e = tegula_io::read_parquet(&path).unwrap_err().to_string();
            assert!(e.contains("is no Parquet file, or damaged"), "{e}");
        }
    }
}
