//! Files that are known at sight but not read, and what to do with them.

/// A kind of file that is not read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Foreign {
    /// What it is.
    pub(crate) what: &'static str,
    /// What makes it readable.
    pub(crate) way_out: &'static str,
}

const UNPACK: &str = "unpack it and name what is in it";
const FROM_R: &str = "write its object from R as h5ad (as zellkonverter does), or its counts by Matrix::writeMM";
const TAR: Foreign = Foreign { what: "a tar archive", way_out: "unpack it (tar xf) and name the folder or file in it" };
const WORKSPACE: Foreign = Foreign { what: "a workspace of R", way_out: FROM_R };
pub(crate) const PARQUET: Foreign = Foreign { what: "a Parquet table", way_out: "name the folder that it belongs to" };
const PICTURE: Foreign = Foreign { what: "a picture", way_out: "name the file or folder with the counts" };

/// Bytes that tell what a file is, and where they stand; none that a table of text could begin with.
const KNOWN: [(usize, &[u8], Foreign); 16] = [
    // Without the packing these would have been recognised before.
    (0, b"\x89HDF\r\n\x1a\n", Foreign { what: "an HDF5 file packed with gzip", way_out: "unpack it first (gunzip)" }),
    (4, b"1AY&SY", Foreign { what: "packed with bzip2", way_out: "unpack it first (bunzip2)" }),
    (0, b"\xfd7zXZ\0", Foreign { what: "packed with xz", way_out: "unpack it first (unxz)" }),
    (0, b"\x28\xb5\x2f\xfd", Foreign { what: "packed with zstd", way_out: "unpack it first (unzstd)" }),
    (0, b"7z\xbc\xaf\x27\x1c", Foreign { what: "a 7z archive", way_out: UNPACK }),
    (257, b"ustar\0", TAR),
    (257, b"ustar  \0", TAR),
    (0, b"X\n\0\0\0", Foreign { what: "a file of R (rds)", way_out: FROM_R }),
    (0, b"RDX2\nX\n", WORKSPACE),
    (0, b"RDX3\nX\n", WORKSPACE),
    (0, b"\xff\xfe", Foreign { what: "a text in UTF-16", way_out: "save it as UTF-8" }),
    (0, b"PAR1\x15", PARQUET),
    (0, b"\x89PNG", PICTURE),
    (0, b"\xff\xd8\xff", PICTURE),
    (0, b"II*\0", PICTURE),
    (0, b"MM\0*", PICTURE),
];

impl Foreign {
    /// What begins with these bytes, if it is known.
    pub(crate) fn of(head: &[u8]) -> Option<&'static Self> {
        let stands = |at: usize, bytes: &[u8]| head.get(at..).is_some_and(|h| h.starts_with(bytes));
        KNOWN.iter().find(|(at, bytes, _)| stands(*at, bytes)).map(|(.., foreign)| foreign)
    }

    /// What a zip archive with these names is, if it is known.
    pub(crate) fn of_zip(names: &[String]) -> Option<&'static Self> {
        const EXCEL: Foreign = Foreign { what: "an Excel workbook", way_out: "save its sheet as csv" };
        names.iter().any(|n| n == "xl/workbook.xml").then_some(&EXCEL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_told_by_its_own_bytes() {
        for (at, bytes, foreign) in &KNOWN {
            let mut head = vec![b'.'; *at];
            head.extend_from_slice(bytes);
            assert_eq!(Foreign::of(&head), Some(foreign));
            head.pop();
            assert_eq!(Foreign::of(&head), None, "{foreign:?}");
        }
        assert_eq!(Foreign::of(b"gene,c1,c2\nRDX,1,2\n"), None);
        // Genes of these names may head a table.
        for table in [&b"PAR1,ACTB\n1,2\n"[..], b"RDX,ACTB\n1,2\n", b"X\nc1\n"] {
            assert_eq!(Foreign::of(table), None);
        }
    }
}
