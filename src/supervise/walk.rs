//! A seeded random walk over the whole supervisor: any event in any order, faults included, and the promises that
//! hold all the same. A failing seed is printed; `WINGMATE_WALK_SEED=N cargo test walk` replays it.

use super::Plan;
use super::event::Event;
use super::world::{Manner, World, service};
use crate::model::command::ProcessSpec;
use crate::model::exit::Exit;
use crate::model::service::{MaxRestarts, Restart, ServiceSpec, StopGroup};
use crate::model::signal::Signal;
use crate::model::unit::{Life, UnitId};
use std::time::Duration;

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.roll(choices.len() as u64) as usize]
    }

    fn millis(&mut self, most: u64) -> Duration {
        Duration::from_millis(self.roll(most))
    }
}

fn spec(dice: &mut Dice, index: u64) -> ServiceSpec {
    let mut spec = service(&format!("s{index}"));
    spec.restart = dice.of(&[Restart::Always, Restart::Always, Restart::OnFailure, Restart::Never]);
    spec.startsecs = dice.millis(3_000);
    spec.autostart = dice.roll(8) > 0;
    spec.critical = dice.roll(40) == 0;
    spec.stop.timeout = dice.millis(6_000);
    spec.stop.group = dice.of(&[StopGroup::Group, StopGroup::KillGroup, StopGroup::Main]);
    spec.max_restarts = match dice.roll(6) {
        0 => Some(MaxRestarts::InARow(dice.roll(8) as u32)),
        1 => Some(MaxRestarts::Within { count: dice.roll(8) as u32, within: dice.millis(9_000) }),
        _ => None,
    };
    spec
}

fn manner(dice: &mut Dice) -> Manner {
    Manner {
        ends: (dice.roll(2) == 0).then(|| (dice.millis(4_000), Exit::Code(dice.roll(3) as u8))),
        obeys: (dice.roll(4) > 0).then(|| dice.millis(2_000)),
        leaves: dice.roll(4) == 0,
        broken: dice.roll(8) == 0,
        undying: false,
    }
}

/// One world from its beginning to its end; how many events it had.
fn walk(seed: u64) -> usize {
    let mut dice = Dice(seed);
    let count = 1 + dice.roll(5);
    let main = (dice.roll(3) == 0).then(|| ProcessSpec { command: vec!["main".into()], ..ProcessSpec::default() });
    let services = (0..count).map(|index| spec(&mut dice, index)).collect();
    let timeout = dice.millis(10_000);
    let mut world = World::new(Plan { services, main, shutdown_timeout: timeout, ..Plan::default() });
    for unit in 0..=count {
        world.manners.insert(UnitId(unit as u32), manner(&mut dice));
    }
    world.happen(Event::Begin);
    let (mut events, mut asked) = (0, None);
    let enough = 40 + dice.roll(160);
    while world.left.is_none() && events < 4_000 {
        events += 1;
        let most = if dice.roll(10) == 0 { 5_000 } else { 200 };
        world.pass(dice.millis(most));
        if world.left.is_some() {
            break;
        }
        match dice.roll(12) {
            0..4 => {
                let alive = world.alive();
                if !alive.is_empty() {
                    let pid = dice.of(&alive);
                    let exit =
                        dice.of(&[Exit::Code(0), Exit::Code(1), Exit::Signal { signal: Signal::KILL, core: false }]);
                    world.end(pid, exit);
                }
            }
            4 => {
                let unit = UnitId(dice.roll(count + 1) as u32);
                let manner = manner(&mut dice);
                world.manners.insert(unit, manner);
            }
            5 => world.happen(Event::Signalled(dice.of(&[Signal::HUP, Signal::USR1, Signal::USR2, Signal::WINCH]))),
            6 => world.happen(Event::ClockSet),
            7 => world.happen(Event::OrphanReaped),
            // Of a life that never was: it changes nothing.
            8 => {
                let unit = UnitId(dice.roll(count + 1) as u32);
                world.happen(Event::GroupGone { unit, life: Life(u32::MAX) });
            }
            9 if events as u64 > enough || dice.roll(100) == 0 => {
                asked.get_or_insert(world.now.mono);
                world.happen(Event::Signalled(dice.of(&[Signal::TERM, Signal::INT, Signal::QUIT])));
            }
            _ => {}
        }
        check(&world, seed, asked.map(|at| at + timeout));
    }
    assert!(world.left.is_some(), "seed {seed}: it never left");
    events
}

fn check(world: &World, seed: u64, by: Option<crate::model::moment::Mono>) {
    if let Some(broken) = &world.broken {
        panic!("seed {seed}: {broken}: {:?}", world.story);
    }
    if world.left.is_none() {
        if let Some(by) = by {
            assert!(world.now.mono <= by, "seed {seed}: still there after the deadline: {:?}", world.story);
        }
        let next = world.supervisor.next_deadline();
        assert!(
            next.is_none_or(|at| at > world.now.mono),
            "seed {seed}: a timer that is never done: {:?}",
            world.story
        );
    }
}

#[test]
fn promises_hold_whatever_happens() {
    if let Some(seed) = std::env::var("WINGMATE_WALK_SEED").ok().and_then(|seed| seed.parse().ok()) {
        walk(seed);
        return;
    }
    let base = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64;
    let (mut events, mut seed) = (0, base | 1);
    while events < 1_000_000 {
        events += walk(seed);
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15) | 1;
    }
}
