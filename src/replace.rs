//! Files that change in one go: who reads one sees the whole old file or the whole new one.

use std::io::Write;
use std::path::Path;

/// Writes a file beside `path`, then puts it there.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Those of any new file, less what the umask takes; a temporary file is otherwise for its owner's eyes only.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder.unwrap_or(Path::new(".")))?;
    file.write_all(bytes)?;
    // A file that is renamed before its bytes are on the disk may be found empty after a power failure.
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}
