//! The nearest known word to a misspelt one: what an error about a key, an applet or a zone suggests.

/// The known word that is most likely meant by `word`: within about a third of its length by
/// Damerau–Levenshtein distance (insertions, deletions, replacements, swapped neighbours; upper and
/// lower case are the same). `None` if no word is that near. Of equally near ones the first.
pub fn nearest<S: AsRef<str>>(word: &str, known: impl IntoIterator<Item = S>) -> Option<String> {
    let wanted = lowered(word);
    let mut best: Option<(usize, String)> = None;
    for candidate in known {
        let letters = lowered(candidate.as_ref());
        let longest = wanted.len().max(letters.len());
        let limit = best.as_ref().map_or((longest + 1) / 3, |(d, _)| d - 1);
        // A difference in length is a distance by itself: most candidates are dismissed here.
        if wanted.len().abs_diff(letters.len()) > limit {
            continue;
        }
        let found = distance(&wanted, &letters);
        if found <= limit {
            best = Some((found, candidate.as_ref().to_owned()));
            if found == 0 {
                break;
            }
        }
    }
    best.map(|(_, word)| word)
}

/// Words longer than this are compared by their beginning: nobody misspells that much, and the cost stays bounded.
const LONGEST: usize = 64;

fn lowered(word: &str) -> Vec<char> {
    word.chars().take(LONGEST).map(|c| c.to_ascii_lowercase()).collect()
}

/// Optimal string alignment distance, three rows at a time.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let at = |row: &[usize], i: usize| row.get(i).copied().unwrap_or(usize::MAX / 2);
    for (i, ca) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, cb) in b.iter().enumerate() {
            let replaced = at(&last, j) + usize::from(ca != cb);
            let mut cost = replaced.min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(cb) && b.get(j - 1) == Some(ca);
            if swapped {
                cost = cost.min(at(&before, j - 1) + 1);
            }
            row.push(cost);
        }
        before = last;
        last = row;
    }
    at(&last, b.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 8] = ["command", "environ", "user", "group", "restart", "autorestart", "schedule", "stop"];

    #[test]
    fn misspelt_words_find_theirs() {
        for (word, meant) in [
            ("comand", "command"),
            ("commnad", "command"),
            ("enviorn", "environ"),
            ("environment", "environ"),
            ("Command", "command"),
            ("shedule", "schedule"),
            ("usr", "user"),
            ("stpo", "stop"),
            ("auto_restart", "autorestart"),
            ("restarts", "restart"),
        ] {
            assert_eq!(nearest(word, KEYS).as_deref(), Some(meant), "{word}");
        }
    }

    #[test]
    fn strangers_find_none() {
        for word in ["", "x", "banana", "volumes", "set", "gap", "command_line_of_it"] {
            assert_eq!(nearest(word, KEYS), None, "{word}");
        }
        assert_eq!(nearest("a", ["b"]), None);
        assert_eq!(nearest("word", Vec::<String>::new()), None);
    }

    #[test]
    fn distances_are_known() {
        for (a, b, cost) in
            [("", "", 0), ("", "abc", 3), ("kitten", "sitting", 3), ("ab", "ba", 1), ("abcd", "acbd", 1)]
        {
            assert_eq!(distance(&lowered(a), &lowered(b)), cost, "{a} {b}");
        }
    }
}
