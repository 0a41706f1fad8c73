//! A file of messages of Arrow's stream format → a Parquet file.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::Path;

use arrow_ipc::reader::StreamReader;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use super::About;
use super::reader::guarded;

/// Bytes of a group of rows, about: what a reader has to hold of it, and the writer, too.
const GROUP_BYTES: usize = 64 << 20;

/// Writes the record batches in the file `from` to `to` as Parquet, compressed as the file that the rows come from.
///
/// # Errors
/// `from` cannot be read, or `to` not written.
pub(crate) fn to_parquet(from: &Path, to: &File, about: &About) -> io::Result<()> {
    let from = BufReader::new(File::open(from)?);
    let mut out = BufWriter::new(to);
    guarded(|| write(from, &mut out, about))?;
    out.flush()
}

fn write(from: impl io::Read, out: impl Write + Send, about: &About) -> Result<(), ParquetError> {
    let batches = StreamReader::try_new(from, None)?;
    let mut properties = WriterProperties::builder().set_compression(writable(about.compression));
    if !about.metadata.is_empty() {
        properties = properties.set_key_value_metadata(Some(about.metadata.clone()));
    }
    let mut writer = ArrowWriter::try_new(out, batches.schema(), Some(properties.build()))?;
    for batch in batches {
        writer.write(&batch?)?;
        if writer.in_progress_size() > GROUP_BYTES {
            writer.flush()?;
        }
    }
    writer.close().map(drop)
}

/// Chooses the same compression, or Snappy if this build does not have it.
fn writable(compression: Compression) -> Compression {
    match compression {
        Compression::LZO | Compression::LZ4 | Compression::BROTLI(_) => Compression::SNAPPY,
        compression => compression,
    }
}
