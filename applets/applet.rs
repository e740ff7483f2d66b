//! The table's types: an applet's row is all that the parser, the help text, the manual and the completions know.

use crate::help::not_an_applet;
use lexopt::Arg;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use wingmate::sys::files::reason;
use wingmate::sys::{init, stdio, termination};
use wingmate::text::diagnostic::printable;
use wingmate::text::near::nearest;

/// One applet: a row of the table in `main.rs`.
pub struct Applet {
    /// The first argument that chooses it: `wingmate NAME …`.
    pub name: &'static str,
    /// The link's name that chooses it too, and by which its messages are signed.
    pub alias: Option<&'static str>,
    /// One line, without a full stop.
    pub summary: &'static str,
    /// What follows the name on a usage line.
    pub usage: &'static str,
    /// What it does, in paragraphs.
    pub about: &'static str,
    pub options: &'static [Opt],
    pub operands: Operands,
    /// Exit statuses and their meaning.
    pub statuses: &'static [(&'static str, &'static str)],
    pub run: fn(&Line) -> u8,
}

/// One option of an applet.
pub struct Opt {
    pub short: Option<char>,
    pub long: &'static str,
    /// The value's placeholder; `None` for a flag.
    pub value: Option<&'static str>,
    /// The environment variable that stands for it where the command line doesn't.
    pub env: Option<&'static str>,
    /// What holds where neither says anything, as shown by the help.
    pub default: Option<&'static str>,
    pub help: &'static str,
}

impl Opt {
    /// A flag, as far as its row says nothing else.
    pub const PLAIN: Opt = Opt { short: None, long: "", value: None, env: None, default: None, help: "" };
}

/// What an applet takes besides options.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Operands {
    /// Nothing.
    None,
    /// Operands, before, between or after the options.
    Any,
    /// A command: the first operand and everything behind it; `--` before it may be left out.
    Command,
    /// A command, behind `--` only.
    AfterDashes,
}

/// A command line, read by an applet's row.
pub struct Line {
    applet: &'static Applet,
    given: Vec<(&'static str, OsString)>,
    operands: Vec<OsString>,
    command: Option<Vec<OsString>>,
}

/// What a command line asks for.
pub enum Asked {
    Run(Line),
    Help,
    Version,
}

/// The options that every applet takes.
pub const COMMON: [Opt; 2] = [
    Opt { short: Some('h'), long: "help", help: "show this help", ..Opt::PLAIN },
    Opt { short: Some('V'), long: "version", help: "show the version", ..Opt::PLAIN },
];

/// Where a configuration is looked for.
const CONFIG_PATH: &str = "/etc/wingmate";

/// The option of every applet that reads a configuration ([`Line::config`]).
pub const CONFIG: Opt = Opt {
    short: Some('c'),
    long: "config",
    value: Some("PATH"),
    env: Some("WINGMATE_CONFIG_PATH"),
    default: Some(CONFIG_PATH),
    help: "configuration: a directory, or one .yaml file",
};

impl Applet {
    /// The name that its messages are signed with.
    pub fn signature(&self) -> &'static str {
        self.alias.filter(|_| !self.stands_in()).unwrap_or("wingmate")
    }

    /// Whether it stands in for another program of that name.
    fn stands_in(&self) -> bool {
        self.alias == Some(self.name)
    }

    /// How it is called by the binary's own name.
    pub fn call(&self) -> String {
        match self.name {
            "init" => "wingmate".into(),
            name if self.stands_in() => name.into(),
            name => format!("wingmate {name}"),
        }
    }

    /// wmexec keeps 1–124 and 126–255 for the program that it becomes (spec/exec.md); all others say 2.
    fn wrong_usage_status(&self) -> u8 {
        if self.name == "exec" { 125 } else { 2 }
    }

    /// The status of what went wrong with its output.
    fn failed_status(&self) -> u8 {
        if self.name == "exec" { 125 } else { 1 }
    }

    /// Reads `args`, the applet's name left out. An error is one line for the user.
    pub fn read(&'static self, args: impl IntoIterator<Item = OsString>) -> Result<Asked, String> {
        let mut line = Line { applet: self, given: Vec::new(), operands: Vec::new(), command: None };
        let mut parser = lexopt::Parser::from_args(args);
        loop {
            // `--` is taken before lexopt passes over it: what stands behind it is a command, not operands.
            if self.takes_command() {
                if let Some(mut raw) = parser.try_raw_args() {
                    if raw.next_if(|arg| arg == "--").is_some() {
                        line.command = Some(raw.collect());
                        return self.checked(line);
                    }
                }
            }
            let Some(arg) = parser.next().map_err(misread)? else { break };
            let is_long = matches!(arg, Arg::Long(_));
            let option = match arg {
                Arg::Short(short) => self.option(|o| o.short == Some(short)).ok_or_else(|| self.unknown(short))?,
                Arg::Long(long) => {
                    let long = long.to_owned();
                    self.option(|o| o.long == long).ok_or_else(|| self.unknown_long(&long))?
                }
                Arg::Value(value) => match self.operands {
                    Operands::Any => {
                        line.operands.push(value);
                        continue;
                    }
                    Operands::Command => {
                        let rest = parser.raw_args().map_err(misread)?;
                        line.command = Some(std::iter::once(value).chain(rest).collect());
                        return self.checked(line);
                    }
                    Operands::None => return Err(format!("unexpected argument '{}'", value.to_string_lossy())),
                    Operands::AfterDashes => return Err(self.before_dashes(&value.to_string_lossy())),
                },
            };
            if option.value.is_none() && is_long {
                if let Some(value) = parser.optional_value() {
                    return Err(no_value(&format!("--{}", option.long), &value));
                }
            }
            match option.long {
                "help" => return Ok(Asked::Help),
                "version" => return Ok(Asked::Version),
                long => {
                    let value = match option.value {
                        Some(_) => parser.value().map_err(|_| format!("option '--{long}' needs a value"))?,
                        None => OsString::new(),
                    };
                    if option.value.is_some() && value == "--" && self.takes_command() {
                        let dumb_inits = self.name == "init" && long == CONFIG.long;
                        let hint = if dumb_inits { "; dumb-init's -c is --single-child" } else { "" };
                        return Err(format!("option '--{long}' needs a value, and '--' is none{hint}"));
                    }
                    line.given.push((long, value));
                }
            }
        }
        self.checked(line)
    }

    fn checked(&self, line: Line) -> Result<Asked, String> {
        match line.command.as_deref() {
            Some([]) => Err("there is no command after '--'".into()),
            _ => Ok(Asked::Run(line)),
        }
    }

    /// A command without the `--` that belongs before it. Only init is called with an applet's name, too.
    fn before_dashes(&self, word: &str) -> String {
        match self.alias {
            Some(call) => format!("unexpected argument '{word}'; a command stands behind '--': {call} … -- {word} …"),
            None => not_an_applet(word),
        }
    }

    fn takes_command(&self) -> bool {
        matches!(self.operands, Operands::Command | Operands::AfterDashes)
    }

    fn option(&self, is: impl Fn(&Opt) -> bool) -> Option<&'static Opt> {
        self.options.iter().chain(&COMMON).find(|option| is(option))
    }

    fn unknown(&self, short: char) -> String {
        format!("unknown option '-{short}'")
    }

    fn unknown_long(&self, long: &str) -> String {
        let known = self.options.iter().chain(&COMMON).map(|option| option.long);
        match nearest(long, known) {
            Some(near) => format!("unknown option '--{long}' (did you mean '--{near}'?)"),
            None => format!("unknown option '--{long}'"),
        }
    }
}

impl Line {
    /// An option's value: the last one given, else its environment variable's.
    pub fn value(&self, long: &str) -> Option<OsString> {
        let given = self.given.iter().rev().find(|(name, _)| *name == long).map(|(_, value)| value.clone());
        given.or_else(|| {
            let option = self.applet.options.iter().find(|option| option.long == long);
            option.and_then(|option| option.env).and_then(std::env::var_os).filter(|value| !value.is_empty())
        })
    }

    /// An option's value as text.
    pub fn text(&self, long: &str) -> Result<Option<String>, String> {
        let text = |value: OsString| {
            value
                .into_string()
                .map_err(|value| format!("{}: '{}' is not UTF-8", self.place(long), value.to_string_lossy()))
        };
        self.value(long).map(text).transpose()
    }

    /// An option's value, read by its type; the error says where it was given.
    pub fn parsed<T, E: std::fmt::Display>(
        &self,
        long: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, String> {
        let Some(text) = self.text(long)? else { return Ok(None) };
        parse(&text).map(Some).map_err(|error| format!("{}: {error}", self.place(long)))
    }

    /// How a value came here: `--long`, or the name of its variable.
    pub fn place(&self, long: &str) -> String {
        let option = self.applet.options.iter().find(|option| option.long == long);
        match option.and_then(|option| option.env) {
            Some(env) if !self.given.iter().any(|(name, _)| *name == long) => env.to_owned(),
            _ => format!("--{long}"),
        }
    }

    /// The path of the configuration, by [`CONFIG`].
    pub fn config(&self) -> PathBuf {
        self.value(CONFIG.long).map_or_else(|| CONFIG_PATH.into(), PathBuf::from)
    }

    /// Whether a flag was given, on the command line or as `true` in its variable, which may say `false` too.
    pub fn flag(&self, long: &str) -> Result<bool, String> {
        let Some(value) = self.value(long).filter(|value| !value.is_empty()) else {
            return Ok(self.given.iter().any(|(name, _)| *name == long));
        };
        let is = |words: [&str; 4]| words.iter().any(|word| value.eq_ignore_ascii_case(word));
        match (is(["true", "1", "yes", "on"]), is(["false", "0", "no", "off"])) {
            (true, _) => Ok(true),
            (_, true) => Ok(false),
            _ => Err(format!("{}: '{}' is neither true nor false", self.place(long), value.to_string_lossy())),
        }
    }

    /// Every value given for an option, in order.
    pub fn all<'a>(&'a self, long: &'a str) -> impl Iterator<Item = &'a OsStr> + 'a {
        self.given.iter().filter(move |(name, _)| *name == long).map(|(_, value)| value.as_os_str())
    }

    /// How often an option was given on the command line.
    pub fn times(&self, long: &str) -> usize {
        self.given.iter().filter(|(name, _)| *name == long).count()
    }

    /// What stood between the options.
    pub fn operands(&self) -> &[OsString] {
        &self.operands
    }

    /// The command to run, if there is one.
    pub fn command(&self) -> Option<&[OsString]> {
        self.command.as_deref()
    }
}

/// lexopt's own words, but where it would print a value as Rust writes it.
fn misread(error: lexopt::Error) -> String {
    match error {
        lexopt::Error::UnexpectedValue { option, value } => no_value(&option, &value),
        other => other.to_string(),
    }
}

fn no_value(option: &str, value: &OsStr) -> String {
    format!("option '{option}' takes no value: '{}'", value.to_string_lossy())
}

/// Says what went wrong.
pub fn fail(applet: &Applet, text: &str) {
    stdio::err(&signed(applet, text));
}

/// A message, signed with the applet's name, on one line whatever names are in it.
pub fn signed(applet: &Applet, text: &str) -> String {
    format!("{}: {}\n", applet.signature(), printable(text))
}

/// Says what is wrong with the command line; the status to leave with.
pub fn wrong_usage(applet: &Applet, text: &str) -> u8 {
    if init::is_pid_1() && (applet.name == "init" || applet.stands_in()) {
        // The container's end, and not somebody's who tries something in it.
        termination::tell(&format!("{text}; exit status {}", applet.wrong_usage_status()));
    }
    let call = applet.alias.map_or_else(|| applet.call(), str::to_owned);
    fail(applet, text);
    fail(applet, &format!("try '{call} --help'"));
    applet.wrong_usage_status()
}

/// Prints to stdout; gives the status to leave with. A reader that has gone ends an applet quietly.
pub fn print(applet: &Applet, text: &str) -> u8 {
    match stdio::out(text) {
        Ok(()) | Err(rustix::io::Errno::PIPE) => 0,
        Err(errno) => {
            fail(applet, &format!("cannot write to standard output: {}", reason(&errno.into())));
            applet.failed_status()
        }
    }
}
