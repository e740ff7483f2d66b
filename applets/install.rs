//! `wingmate install DIR`: the links by which the applets are called, also in an image without ln.

use crate::APPLETS;
use crate::applet::{Applet, Line, Operands, fail, wrong_usage};
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use wingmate::sys::files::reason;

pub static APPLET: Applet = Applet {
    name: "install",
    alias: None,
    summary: "create the links wmexec, wmpidproxy and wingmate",
    usage: "DIR",
    about: "Creates in DIR the symbolic links wmexec, wmpidproxy and, unless the binary itself lies there under that \
            name, wingmate; all point at this binary. Links that exist are replaced, anything else is left alone and \
            reported.",
    options: &[],
    operands: Operands::Any,
    statuses: &[("0", "all links are there"), ("1", "a link could not be made"), ("2", "wrong usage")],
    run,
};

fn run(line: &Line) -> u8 {
    let [dir] = line.operands() else {
        return wrong_usage(&APPLET, "install takes one directory");
    };
    install(Path::new(dir)).unwrap_or_else(|text| {
        fail(&APPLET, &text);
        1
    })
}

/// Makes the links that can be made, says why the others can't, and gives the exit status.
fn install(dir: &Path) -> Result<u8, String> {
    let binary = std::env::current_exe()
        .map_err(|error| format!("cannot find this binary (is /proc mounted?): {}", reason(&error)))?;
    let entries =
        fs::metadata(dir).map_err(|error| format!("cannot install into '{}': {}", dir.display(), reason(&error)));
    if !entries?.is_dir() {
        return Err(format!("cannot install into '{}': not a directory", dir.display()));
    }
    let names = APPLETS.iter().filter_map(|applet| applet.alias).chain(["wingmate"]);
    let mut status = 0;
    for name in names {
        let place = dir.join(name);
        if let Err(error) = link(&binary, &place) {
            fail(&APPLET, &format!("cannot link '{}': {error}", place.display()));
            status = 1;
        }
    }
    Ok(status)
}

/// Links `place` to `binary`, unless the binary itself is there.
fn link(binary: &Path, place: &Path) -> Result<(), String> {
    match fs::symlink_metadata(place) {
        Ok(found) if found.is_symlink() => {
            if fs::read_link(place).is_ok_and(|target| target == binary) {
                return Ok(());
            }
            fs::remove_file(place).map_err(|error| reason(&error))?;
        }
        Ok(found) if fs::metadata(binary).is_ok_and(|own| (own.dev(), own.ino()) == (found.dev(), found.ino())) => {
            return Ok(());
        }
        Ok(_) => return Err("something that is no link is there already".into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(reason(&error)),
    }
    symlink(binary, place).map_err(|error| reason(&error))
}
