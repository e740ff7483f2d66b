//! The Docker Engine that the stories run on, one for the whole run: the one that answers already (`DOCKER_HOST` counts),
//! else one of our own by `docker/engine.sh hold`, which stops it when this process ends, however it ends.

use std::collections::BTreeSet;
use std::env;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// How an image of ours comes about; its base is made first.
enum Recipe {
    /// `docker/test/bases.sh`: from this machine's own files.
    Base,
    /// `docker/image.sh FOLDER` with a build argument that names the base.
    Folder { folder: &'static str, argument: &'static str, base: &'static str },
}

const RECIPES: &[(&str, Recipe)] = &[
    ("busybox", Recipe::Base),
    ("debian", Recipe::Base),
    ("bare", Recipe::Folder { folder: "docker/test/bare", argument: "PROGRAMS", base: "busybox" }),
    ("tools", Recipe::Folder { folder: "docker/test/tools", argument: "PROGRAMS", base: "busybox" }),
    ("scratch", Recipe::Folder { folder: "docker/scratch", argument: "PROGRAMS", base: "busybox" }),
    ("alpine", Recipe::Folder { folder: "docker/alpine", argument: "BASE", base: "tools" }),
    ("bookworm", Recipe::Folder { folder: "docker/bookworm", argument: "BASE", base: "debian" }),
    ("daemons", Recipe::Folder { folder: "example/daemons", argument: "BASE", base: "debian" }),
    ("ssh-docker", Recipe::Folder { folder: "example/ssh-docker", argument: "BASE", base: "debian" }),
    ("web-stack", Recipe::Folder { folder: "example/web-stack", argument: "BASE", base: "debian" }),
];

pub struct Engine {
    /// `DOCKER_HOST` of our own engine; `None` where the client finds one by itself.
    host: Option<String>,
    built: BTreeSet<&'static str>,
    /// Its stdin is what the engine lives by.
    _hold: Option<Child>,
}

/// The engine, for one story at a time: times are measured, so stories don't share the processors.
/// `None`, said loudly, where there is none and none can be started; on CI that is a failure.
pub fn turn() -> Option<MutexGuard<'static, Engine>> {
    static SHARED: OnceLock<Result<Mutex<Engine>, String>> = OnceLock::new();
    match SHARED.get_or_init(|| Engine::find().map(Mutex::new)) {
        // A story that failed leaves nothing half done here.
        Ok(engine) => Some(engine.lock().unwrap_or_else(PoisonError::into_inner)),
        Err(reason) => {
            let story = std::thread::current().name().unwrap_or("a story").to_owned();
            assert!(env::var_os("CI").is_none(), "no Docker Engine: {reason}");
            // Past the harness, which would keep a passing test's output to itself.
            writeln!(io::stderr(), "\nSKIPPED {story}: no Docker Engine: {reason}").expect("stderr is open");
            None
        }
    }
}

/// A script of the project's.
fn script(path: &str) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(root.join(path));
    command.current_dir(root).stdin(Stdio::null());
    command
}

fn ran(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

impl Engine {
    fn find() -> Result<Engine, String> {
        let (host, hold) = if answers() {
            (None, None)
        } else if let Some(host) = env::var_os("DOCKER_HOST") {
            panic!("DOCKER_HOST is set, but nothing answers at {host:?}");
        } else {
            let (host, hold) = start()?;
            (Some(host), Some(hold))
        };
        ran(&mut script("packaging/build.sh"));
        Ok(Engine { host, built: BTreeSet::new(), _hold: hold })
    }

    /// A `docker` command line for this engine.
    pub fn docker(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("docker");
        self.aim(&mut command);
        command.args(arguments).stdin(Stdio::null());
        command
    }

    fn aim(&self, command: &mut Command) {
        // The engine's own builder: the other one may ask a registry for its parts.
        command.env("DOCKER_BUILDKIT", "0");
        if let Some(host) = &self.host {
            command.env("DOCKER_HOST", host);
        }
    }

    /// Runs a `docker` command that must succeed; its stdout.
    pub fn run(&self, arguments: &[&str]) -> String {
        String::from_utf8_lossy(&ran(&mut self.docker(arguments)).stdout).into_owned()
    }

    /// The tag of one of the images above, built when it is first asked for.
    pub fn image(&mut self, name: &str) -> String {
        let (name, recipe) = RECIPES.iter().find(|(known, _)| *known == name).expect("a recipe of that name");
        let tag = format!("wingmate-test/{name}");
        if self.built.contains(name) {
            return tag;
        }
        let mut command = match recipe {
            Recipe::Base => {
                let mut command = script("docker/test/bases.sh");
                command.args([name, tag.as_str()]);
                command
            }
            Recipe::Folder { folder, argument, base } => {
                let base = self.image(base);
                let mut command = script("docker/image.sh");
                let argument = format!("{argument}={base}");
                command.args([folder, "--quiet", "--tag", &tag, "--build-arg", &argument]);
                command
            }
        };
        self.aim(&mut command);
        ran(&mut command);
        self.built.insert(name);
        tag
    }
}

fn answers() -> bool {
    let mut info = Command::new("docker");
    info.arg("info").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    info.status().is_ok_and(|status| status.success())
}

fn start() -> Result<(String, Child), String> {
    let mut command = script("docker/engine.sh");
    command.arg("hold").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut hold = command.spawn().map_err(|error| format!("docker/engine.sh: {error}"))?;
    let mut host = String::new();
    let stdout = hold.stdout.take().expect("it is piped");
    BufReader::new(stdout).read_line(&mut host).map_err(|error| format!("docker/engine.sh: {error}"))?;
    match host.trim_end() {
        "" => {
            Err("docker/engine.sh could not start one (as root, packaging/setup.sh installs what it needs)".to_owned())
        }
        host => Ok((host.to_owned(), hold)),
    }
}
