//! What a line looks like when it leaves: `text`, `json` or `raw` (spec/logging.md), for a unit's lines and for
//! wingmate's own. `runtime::outputs` puts [`Stamp::before`] and [`Stamp::after`] around each line.
//!
//! The bar of `text` tells a whole line from a part of one: `web | GET /` is a line or the end of one, and after
//! `web + Password: ` the rest of the line comes (on a line of its own, as others may speak in between).

use super::time;
use crate::model::moment::Wall;
use crate::model::note::Note;
use crate::model::settings::LogFormat;
use crate::model::unit::WINGMATE;
use crate::text::diagnostic::printable;
use crate::text::json::escape;

/// Which of a unit's two streams a line came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stream {
    Stdout,
    Stderr,
}

impl Stream {
    /// As `json` names it.
    pub fn name(self) -> &'static str {
        match self {
            Stream::Stdout => "stdout",
            Stream::Stderr => "stderr",
        }
    }
}

/// Foreground colours (ECMA-48 SGR) that can be read on dark and on light; the first half is used first.
pub const COLOURS: [u8; 12] = [36, 33, 32, 35, 34, 31, 96, 93, 92, 95, 94, 91];

/// The colour of a name: one that `taken` doesn't have, if there is one; the same in every run with the same names.
pub fn colour(name: &str, taken: &[u8]) -> u8 {
    // FNV-1a: short, and stable over versions.
    let hash = name.bytes().fold(0x811c_9dc5_u32, |h, b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193));
    let from = hash as usize % COLOURS.len();
    let free = COLOURS.iter().cycle().skip(from).take(COLOURS.len()).find(|c| !taken.contains(c));
    free.or(COLOURS.get(from)).copied().unwrap_or_default()
}

/// All that a stamp is made from but the line.
#[derive(Clone, Copy, Debug)]
pub struct Stamp<'a> {
    pub format: LogFormat,
    pub unit: &'a str,
    pub stream: Stream,
    pub time: Wall,
    /// Seconds east of UTC, if `text` is to have the local time.
    pub offset: Option<i32>,
    /// Width of the name's column.
    pub width: usize,
    /// SGR code, if the line goes to a terminal.
    pub colour: Option<u8>,
}

impl Stamp<'_> {
    /// What comes before a line's text. `whole`: the text ends the line.
    pub fn before(&self, out: &mut Vec<u8>, whole: bool) {
        match self.format {
            LogFormat::Text => self.column(out, if whole { b'|' } else { b'+' }),
            LogFormat::Json => {
                out.extend_from_slice(b"{\"time\":\"");
                time::utc(out, self.time);
                out.extend_from_slice(b"\",\"unit\":\"");
                escape(out, self.unit.as_bytes());
                out.extend_from_slice(b"\",\"stream\":\"");
                out.extend_from_slice(self.stream.name().as_bytes());
                out.push(b'"');
            }
            LogFormat::Raw => {}
        }
    }

    fn column(&self, out: &mut Vec<u8>, bar: u8) {
        if let Some(offset) = self.offset {
            time::local(out, self.time, offset);
            out.push(b' ');
        }
        if let Some(colour) = self.colour {
            out.extend_from_slice(&[0x1b, b'[', b'0' + colour / 10, b'0' + colour % 10, b'm']);
        }
        out.extend_from_slice(self.unit.as_bytes());
        out.resize(out.len() + self.width.saturating_sub(self.unit.len()), b' ');
        out.extend_from_slice(&[b' ', bar]);
        if self.colour.is_some() {
            out.extend_from_slice(b"\x1b[0m");
        }
        out.push(b' ');
    }
}

/// A line's text as the `message` of `json`, from [`Stamp::before`]'s end to the newline. The text is what
/// `head` and `tail` make together.
pub fn json_message(out: &mut Vec<u8>, head: &[u8], tail: &[u8], whole: bool) {
    out.extend_from_slice(b",\"message\":\"");
    if head.is_empty() {
        escape(out, tail);
    } else {
        // A character may lie across the border.
        escape(out, &[head, tail].concat());
    }
    out.extend_from_slice(if whole { b"\"}\n" } else { b"\",\"partial\":true}\n" });
}

/// One of wingmate's own messages, newline included. `stamp` is wingmate's. It is one line, whatever a command or a
/// path that it names has in it: nobody else speaks in wingmate's name.
pub fn note(out: &mut Vec<u8>, stamp: &Stamp<'_>, note: &Note) {
    let (about, colon) = note.unit.as_deref().map_or(("", ""), |unit| (unit, ": "));
    stamp.before(out, true);
    match stamp.format {
        LogFormat::Json => {
            fields(out, note);
            return json_message(out, [about, colon].concat().as_bytes(), note.text.as_bytes(), true);
        }
        LogFormat::Raw => push(out, &[WINGMATE, ": "]),
        LogFormat::Text => {}
    }
    push(out, &[note.level.name(), ": ", about, colon, &printable(&note.text), "\n"]);
}

fn fields(out: &mut Vec<u8>, note: &Note) {
    push(out, &[",\"level\":\"", note.level.name(), "\""]);
    if let Some(unit) = &note.unit {
        push(out, &[",\"about\":\""]);
        escape(out, unit.as_bytes());
        out.push(b'"');
    }
    if let Some(state) = note.state {
        push(out, &[",\"state\":\"", state, "\""]);
    }
    if let Some(pid) = note.pid {
        push(out, &[",\"pid\":", &pid.to_string()]);
    }
    if let Some(status) = note.status {
        push(out, &[",\"status\":", &status.to_string()]);
    }
}

fn push(out: &mut Vec<u8>, texts: &[&str]) {
    texts.iter().for_each(|text| out.extend_from_slice(text.as_bytes()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::settings::Level;
    use crate::model::unit::Pid;

    const NOON: Wall = Wall::from_nanos(1_795_456_800_123_456_789);

    fn stamp(format: LogFormat, unit: &str) -> Stamp<'_> {
        Stamp { format, unit, stream: Stream::Stdout, time: NOON, offset: None, width: 8, colour: None }
    }

    fn before(stamp: Stamp<'_>, whole: bool) -> String {
        let mut out = Vec::new();
        stamp.before(&mut out, whole);
        String::from_utf8(out).unwrap()
    }

    fn json(head: &[u8], tail: &[u8], whole: bool) -> String {
        let mut out = Vec::new();
        stamp(LogFormat::Json, "web").before(&mut out, whole);
        json_message(&mut out, head, tail, whole);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_column_of_text() {
        let web = stamp(LogFormat::Text, "web");
        assert_eq!(before(web, true), "web      | ");
        assert_eq!(before(web, false), "web      + ");
        assert_eq!(before(stamp(LogFormat::Text, "longer-name"), true), "longer-name | ");
        assert_eq!(before(Stamp { colour: Some(36), ..web }, true), "\x1b[36mweb      |\x1b[0m ");
        assert_eq!(before(Stamp { offset: Some(3600), ..web }, true), "2026-11-23T19:00:00.123456+01:00 web      | ");
        assert_eq!(before(stamp(LogFormat::Raw, "web"), true), "");
    }

    #[test]
    fn json_is_as_specified() {
        assert_eq!(
            json(b"", b"GET / 200", true),
            "{\"time\":\"2026-11-23T18:00:00.123456Z\",\"unit\":\"web\",\"stream\":\"stdout\",\"message\":\"GET / 200\"}\n"
        );
        assert!(json(b"Pass", b"word: ", false).ends_with("\"message\":\"Password: \",\"partial\":true}\n"));
    }

    #[test]
    fn json_text_is_escaped_and_valid() {
        for (head, tail, text) in [
            (
                &b""[..],
                &b"a\"b\\c\td\re\x08\x0c\x00\x1f\x1b[0m\x7f"[..],
                "a\\\"b\\\\c\\td\\re\\b\\f\\u0000\\u001f\\u001b[0m\x7f",
            ),
            (b"", b"\xffa\xc3\xe2\x82\n", "\u{fffd}a\u{fffd}\u{fffd}\\n"),
            (b"\xe2\x82", b"\xac!", "€!"),
            (b"", "€\"€".as_bytes(), "€\\\"€"),
            (b"", b"", ""),
        ] {
            let line = json(head, tail, true);
            assert!(line.ends_with(&format!("\"message\":\"{text}\"}}\n")), "{line}");
        }
    }

    #[test]
    fn own_messages_in_each_format() {
        let mut said = Note::new(Level::Info, "running (pid 17)").about("web");
        said.pid = Pid::from_raw(17);
        said.state = Some("running");
        let show = |format, said: &Note| {
            let mut out = Vec::new();
            note(&mut out, &Stamp { stream: Stream::Stderr, ..stamp(format, WINGMATE) }, said);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(show(LogFormat::Text, &said), "wingmate | info: web: running (pid 17)\n");
        assert_eq!(show(LogFormat::Raw, &said), "wingmate: info: web: running (pid 17)\n");
        assert_eq!(
            show(LogFormat::Json, &said),
            "{\"time\":\"2026-11-23T18:00:00.123456Z\",\"unit\":\"wingmate\",\"stream\":\"stderr\",\"level\":\"info\",\
             \"about\":\"web\",\"state\":\"running\",\"pid\":17,\"message\":\"web: running (pid 17)\"}\n"
        );
        let forged = Note::new(Level::Error, "cannot execute 'a\nwingmate | info: \x1b[2J'");
        let shown = "error: cannot execute 'a\u{fffd}wingmate | info: \u{fffd}[2J'\n";
        assert_eq!(show(LogFormat::Text, &forged), format!("wingmate | {shown}"));
        assert_eq!(show(LogFormat::Raw, &forged), format!("wingmate: {shown}"));
        assert!(show(LogFormat::Json, &forged).ends_with("'a\\nwingmate | info: \\u001b[2J'\"}\n"));
    }

    #[test]
    fn names_have_colours_of_their_own() {
        let mut taken = Vec::new();
        for name in ["a", "b", "c", "web", "api", "db", "cron", "x", "y", "z", "q", "wingmate"] {
            let colour = colour(name, &taken);
            assert!(!taken.contains(&colour), "{name}");
            taken.push(colour);
        }
        assert_eq!(colour("web", &[]), colour("web", &taken), "more names than colours: as if alone");
    }
}
