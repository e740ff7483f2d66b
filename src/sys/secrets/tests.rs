//! Secrets as their file is, and as a unit gets them.

use super::*;
use crate::sys::steps::tests::powerless;
use rustix::fs::{CWD, FileType, fstat, mknodat};
use std::fs::{self, File};
use std::io::Write;

struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Place {
        let path = std::env::temp_dir().join(format!("wingmate-secrets-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Place(path)
    }

    fn read(&self, content: &[u8]) -> std::result::Result<Vec<u8>, String> {
        let path = self.0.join("secret");
        fs::write(&path, content).unwrap();
        read(&path).map_err(|error| error.to_string().replace(path.to_str().unwrap(), "PATH"))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn one_final_newline_is_cut() {
    let place = Place::new("cut");
    for (content, expected) in [("", ""), ("\n", ""), ("a", "a"), ("a\n", "a"), ("a\n\n", "a\n"), (" a\r\n", " a\r")] {
        assert_eq!(place.read(content.as_bytes()).unwrap(), expected.as_bytes(), "{content:?}");
    }
    assert_eq!(place.read(b"\xff\n").unwrap(), b"\xff");
    assert_eq!(place.read(&vec![b'x'; 1 << 20]).unwrap().len(), 1 << 20);
}

#[test]
fn what_cannot_be_a_secret_is_named_and_never_told() {
    let place = Place::new("refused");
    assert_eq!(place.read(b"hush\0").unwrap_err(), "cannot read the secret 'PATH': it has a NUL character");
    let large = vec![b'x'; (1 << 20) + 1];
    assert_eq!(place.read(&large).unwrap_err(), "cannot read the secret 'PATH': it is larger than 1048576 bytes");
    let refused = |path: &Path| read(path).unwrap_err().to_string();
    let missing = place.0.join("missing");
    let expected = format!("cannot read the secret '{}': no such file or directory", missing.display());
    assert_eq!(refused(&missing), expected);
    // Neither of them is waited for: nobody writes to the fifo.
    let fifo = place.0.join("fifo");
    mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    for path in [fifo.as_path(), &place.0, Path::new("/dev/zero")] {
        assert_eq!(refused(path), format!("cannot read the secret '{}': it is not a regular file", path.display()));
    }
}

#[test]
fn a_memory_file_is_read_from_its_beginning_and_changed_by_nobody() {
    let owner = rustix::process::geteuid()
        .is_root()
        .then(|| (accounts::Uid::from_raw(4321).unwrap(), accounts::Gid::from_raw(4322).unwrap()));
    let content = b"hush\xff\n".repeat(5000);
    let file = memory_file(&content, owner).unwrap();
    let stat = fstat(&file).unwrap();
    assert_eq!((stat.st_mode & 0o7777, stat.st_nlink), (0o400, 0));
    if owner.is_some() {
        assert_eq!((stat.st_uid, stat.st_gid), (4321, 4322));
    }
    let mut file = File::from(file);
    let mut seen = Vec::new();
    file.read_to_end(&mut seen).unwrap();
    assert_eq!(seen, content);
    assert_eq!(file.write(b"x").unwrap_err().raw_os_error(), Some(libc::EPERM));
    assert_eq!(file.set_len(0).unwrap_err().raw_os_error(), Some(libc::EPERM));
    assert!(memory_file(b"", None).is_ok());
}

#[test]
fn a_memory_file_that_cannot_be_given_away_can_be_read() {
    let owner = Some((accounts::Uid::from_raw(4321).unwrap(), accounts::Gid::from_raw(4321).unwrap()));
    let file = powerless(|| memory_file(b"hush", owner).unwrap());
    assert_eq!(fstat(&file).unwrap().st_mode & 0o7777, 0o444);
}
