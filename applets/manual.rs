//! The manual pages of section 1 (packaging/man/), written from the table of applets and, for what a page says besides,
//! from the pieces of prose in `manual/`. Tests only: nothing of it is in the binary.
//!
//! `cargo test manual` compares the pages with the table and runs a formatter over them; with `WINGMATE_WRITE=1` it
//! writes them instead (what looks at all of them may then come too early: once more without).

mod page;

use crate::APPLETS;
use crate::applet::{Applet, Asked, COMMON, Opt};
use crate::help::{HELP, VERSION};
use page::{Block, Page, capital, form, literal, sections};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use wingmate::text::words::{Comments, split};

/// A page: its applet, and what it says besides the table.
struct Entry {
    name: &'static str,
    applet: &'static Applet,
    prose: &'static str,
}

static PAGES: [Entry; 6] = [
    Entry { name: "wingmate", applet: &crate::init::APPLET, prose: include_str!("manual/wingmate.txt") },
    Entry { name: "wmexec", applet: &crate::exec::APPLET, prose: include_str!("manual/wmexec.txt") },
    Entry { name: "wmpidproxy", applet: &crate::pidproxy::APPLET, prose: include_str!("manual/wmpidproxy.txt") },
    Entry { name: "wingmate-check", applet: &crate::check::APPLET, prose: include_str!("manual/wingmate-check.txt") },
    Entry { name: "wingmate-next", applet: &crate::next::APPLET, prose: include_str!("manual/wingmate-next.txt") },
    Entry {
        name: "wingmate-install",
        applet: &crate::install::APPLET,
        prose: include_str!("manual/wingmate-install.txt"),
    },
];

/// The sections in their order. A piece of prose may add to those that the table gives, and have the others.
const SECTIONS: [&str; 10] = [
    "DESCRIPTION",
    "OPTIONS",
    "APPLETS",
    "EXIT STATUS",
    "ENVIRONMENT",
    "FILES",
    "SECURITY",
    "NOTES",
    "EXAMPLES",
    "SEE ALSO",
];

impl Entry {
    fn page(&self) -> Page {
        let mut prose = sections(self.prose);
        let mut page = Page::new(self.name, 1, self.applet.summary);
        page.section("SYNOPSIS");
        self.calls(&mut page);
        for heading in SECTIONS {
            let place = prose.iter().position(|(name, _)| name == heading);
            let mut more = place.map(|place| prose.remove(place).1).unwrap_or_default();
            let table: Vec<(Vec<String>, Vec<Block>)> = match heading {
                "OPTIONS" => self.options().map(|option| (vec![spelled(option)], vec![self.said(option)])).collect(),
                "APPLETS" if self.name == "wingmate" => others().collect(),
                "EXIT STATUS" => {
                    self.applet.statuses.iter().map(|(status, text)| term(status, &format!("{text}."))).collect()
                }
                "ENVIRONMENT" => self.options().filter_map(stands_for).collect(),
                _ => Vec::new(),
            };
            let about = if heading == "DESCRIPTION" { self.applet.about } else { "" };
            if about.is_empty() && table.is_empty() && more.is_empty() {
                continue;
            }
            page.section(heading);
            for paragraph in about.split('\n').filter(|text| !text.is_empty()) {
                // A variable of that name is meant.
                let usage = self.applet.usage.replace("USER", "");
                page.blocks(&[Block::Paragraph(marked(paragraph, &[&usage]))]);
            }
            for (names, mut text) in table {
                match (text.as_mut_slice(), self.taken(heading, &names, &mut more).as_slice()) {
                    // Both are a sentence or two.
                    ([Block::Paragraph(text)], [Block::Paragraph(more)]) if heading != "OPTIONS" => {
                        *text = format!("{text} {more}");
                    }
                    (_, more) => text.extend_from_slice(more),
                }
                page.term(&names);
                page.said(&text);
            }
            page.blocks(&more);
        }
        let left: Vec<_> = prose.iter().map(|(heading, _)| heading).collect();
        assert!(left.is_empty(), "{}: no place is known for {left:?}", self.name);
        page
    }

    fn options(&self) -> impl Iterator<Item = &'static Opt> {
        self.applet.options.iter().chain(&COMMON)
    }

    /// An option's text, as a sentence.
    fn said(&self, option: &Opt) -> Block {
        let default = option.default.map(|default| format!(" Default: `{default}`.")).unwrap_or_default();
        let help = marked(option.help, &[option.value.unwrap_or_default(), "PROGRAM COMMAND EXPR"]);
        Block::Paragraph(format!("{}.{default}", capital(&help)))
    }

    /// The ways in which it is called.
    fn calls(&self, page: &mut Page) {
        if let Some(alias) = self.applet.alias {
            page.call(alias, self.applet.usage);
        }
        page.call(&self.applet.call(), self.applet.usage);
        if self.name == "wingmate" {
            page.call("wingmate", "APPLET [ARG…]");
            for applet in [&HELP, &VERSION] {
                page.call(&applet.call(), applet.usage);
            }
        }
    }

    /// What the prose adds to a term of the table: to an option by its long name, to a variable, to a status.
    fn taken(&self, heading: &str, names: &[String], more: &mut Vec<Block>) -> Vec<Block> {
        let is = |name: &str| match heading {
            "OPTIONS" => self
                .options()
                .any(|option| name.strip_prefix("--") == Some(option.long) && names.contains(&spelled(option))),
            _ => names.contains(&format!("\\fB{}\\fR", literal(name))),
        };
        let place = more.iter().position(|block| matches!(block, Block::Term(of, _) if of.iter().any(|name| is(name))));
        match place.map(|place| more.remove(place)) {
            Some(Block::Term(_, said)) => said,
            _ => Vec::new(),
        }
    }
}

/// An option's names and its value, set.
fn spelled(option: &Opt) -> String {
    let short = option.short.map(|short| format!("{}, ", form(&format!("-{short}")))).unwrap_or_default();
    let value = option.value.map(|value| format!(" {}", form(value))).unwrap_or_default();
    format!("{short}{}{value}", form(&format!("--{}", option.long)))
}

/// An option's variable. What it may say is left to the prose where that knows the variable.
fn stands_for(option: &'static Opt) -> Option<(Vec<String>, Vec<Block>)> {
    let text = format!("Stands for --{} where the command line doesn't have it.", option.long);
    option.env.map(|env| (vec![format!("\\fB{env}\\fR")], vec![Block::Paragraph(text)]))
}

/// The other applets.
fn others() -> impl Iterator<Item = (Vec<String>, Vec<Block>)> {
    APPLETS.iter().filter(|applet| applet.name != "init").map(|applet| {
        let page = PAGES.iter().find(|page| std::ptr::eq(page.applet, *applet));
        let page = page.map(|page| format!(": {}(1)", page.name)).unwrap_or_default();
        let call = |name: &str| format!("\\fB{}\\fR {}", literal(name), form(applet.usage)).trim_end().to_owned();
        let names = applet.alias.map(call).into_iter().chain([call(&applet.call())]).collect();
        (names, vec![Block::Paragraph(format!("{}{page}.", capital(applet.summary)))])
    })
}

fn term(name: &str, text: &str) -> (Vec<String>, Vec<Block>) {
    (vec![format!("\\fB{}\\fR", literal(name))], vec![Block::Paragraph(capital(text))])
}

/// The text with what stands for something marked as such: the words in capitals of a usage line or an option's value.
fn marked(text: &str, forms: &[&str]) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words: Vec<&str> = forms.iter().flat_map(|form| form.split(|c| !is_word(c))).collect();
    let mut out = String::new();
    for word in text.split_inclusive(|c| !is_word(c)) {
        let bare = word.trim_end_matches(|c| !is_word(c));
        let is_one = bare.len() > 1 && bare.bytes().all(|byte| byte.is_ascii_uppercase()) && words.contains(&bare);
        out.push_str(&if is_one { format!("*{bare}*{}", &word[bare.len()..]) } else { word.to_owned() });
    }
    out
}

/// What is left of eighty columns for an example, a term's included.
const COLUMNS: usize = 66;

/// All pages that are there.
fn pages() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder()).expect("packaging/man is there");
    entries.map(|entry| entry.expect("it is readable").path()).collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/man")
}

#[test]
fn the_manual_says_what_the_table_says() {
    for entry in &PAGES {
        entry.page().settle();
    }
}

#[test]
fn each_applet_has_a_manual_page_and_no_other_is_there() {
    let with_page: BTreeSet<_> = PAGES.iter().map(|page| page.applet.name).collect();
    let without: Vec<_> = APPLETS.iter().map(|applet| applet.name).filter(|name| !with_page.contains(name)).collect();
    assert_eq!(without, ["help", "version"]);
    let mut expected: BTreeSet<_> = PAGES.iter().map(|page| format!("{}.1", page.name)).collect();
    expected.extend(["wingmate.yaml.5", "wingmate-crontab.5"].map(str::to_owned));
    let found: BTreeSet<_> =
        pages().iter().filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect();
    assert_eq!(found, expected);
}

#[test]
fn the_manuals_prose_names_no_option_that_is_not_there() {
    for entry in &PAGES {
        for (heading, blocks) in sections(entry.prose) {
            let terms = blocks.iter().filter_map(|block| match block {
                Block::Term(names, _) => Some(names),
                _ => None,
            });
            for name in terms.flatten().filter(|_| heading == "OPTIONS") {
                let known = entry.options().any(|option| name.strip_prefix("--") == Some(option.long));
                assert!(known, "{}: there is no option {name}", entry.name);
            }
        }
        let text = std::fs::read_to_string(folder().join(format!("{}.1", entry.name))).unwrap_or_default();
        for option in entry.options() {
            assert!(text.contains(&format!("\n{}\n", spelled(option))), "{}: --{} is missing", entry.name, option.long);
        }
    }
}

/// A line's words, as a shell would have them.
fn words(line: &str) -> Vec<OsString> {
    let words = split(line, Comments::Kept).unwrap_or_else(|error| panic!("{line}: {error}"));
    words.iter().map(|word| OsString::from(word.text.as_ref())).collect()
}

/// Whether a word names the program that is called.
fn is_call(word: &OsString) -> bool {
    let name = Path::new(word).file_name().unwrap_or_default();
    ["wingmate", "wmexec", "wmpidproxy"].iter().any(|call| name == *call)
}

/// The command lines among the examples of a piece of prose, `\` at a line's end taken into account.
fn examples(prose: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (_, blocks) in sections(prose) {
        let inner = blocks.iter().flat_map(|block| match block {
            Block::Term(_, said) => said.as_slice(),
            other => std::slice::from_ref(other),
        });
        for block in inner {
            let Block::Code(code) = block else { continue };
            let joined = code.join("\n").replace("\\\n", " ");
            let lines = joined.lines().filter(|line| !line.starts_with("COPY "));
            found.extend(lines.filter(|line| words(line).iter().any(is_call)).map(str::to_owned));
        }
    }
    found
}

#[test]
fn the_manuals_examples_fit_eighty_columns() {
    for path in pages() {
        let text = std::fs::read_to_string(&path).expect("it is text");
        for code in text.split("\n.EX\n").skip(1) {
            let code = code.split("\n.EE\n").next().unwrap_or_default();
            for line in code.lines() {
                let shown = line.replace("\\-", "-").replace("\\e", "\\").replace("\\(aq", "'").replace("\\(dq", "\"");
                assert!(shown.len() <= COLUMNS, "{}: longer than {COLUMNS}: {shown}", path.display());
            }
        }
    }
}

#[test]
fn the_manuals_examples_are_command_lines() {
    for entry in &PAGES {
        let found = examples(entry.prose);
        assert!(!found.is_empty(), "{}: no examples", entry.name);
        for example in found {
            let mut words = words(&example);
            // What wmexec executes may be wmpidproxy.
            while let Some(place) = words.iter().position(is_call) {
                let args = words.split_off(place + 1);
                let name = Path::new(&words[place]).file_name().unwrap_or_default().to_owned();
                let (applet, args) = crate::choose(&name, args);
                words = match applet.read(args) {
                    Ok(Asked::Run(line)) => {
                        let command = line.command().unwrap_or_default().to_vec();
                        let read = match applet.name {
                            "exec" => crate::exec::options::read(&line, command.clone()).map(drop),
                            "pidproxy" => crate::pidproxy::order(&line).map(drop),
                            _ => Ok(()),
                        };
                        read.unwrap_or_else(|error| panic!("{example}: {error}"));
                        command
                    }
                    Ok(_) => panic!("{example}: help or version"),
                    Err(error) => panic!("{example}: {error}"),
                };
            }
        }
    }
}

#[test]
fn the_manual_has_no_loose_references() {
    for path in pages() {
        let text = std::fs::read_to_string(&path).expect("it is text");
        for (at, _) in text.match_indices("\\fBwingmate").chain(text.match_indices("\\fBwm")) {
            let rest = &text[at + 3..];
            let Some((name, after)) = rest.split_once("\\fR") else { continue };
            let name = name.replace("\\-", "-");
            if let Some(section @ ('1' | '5')) = after.strip_prefix('(').and_then(|after| after.chars().next()) {
                let other = folder().join(format!("{name}.{section}"));
                assert!(other.is_file(), "{}: there is no {name}({section})", path.display());
            }
        }
    }
}

#[test]
fn a_formatter_finds_nothing_wrong_with_the_manual() {
    let output = Command::new("mandoc").args(["-Tlint", "-Wwarning"]).args(pages()).output();
    let output = output.unwrap_or_else(|error| panic!("cannot run mandoc, which packaging/setup.sh installs: {error}"));
    let told = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.is_empty(), "{}: {told}", output.status);
}
