//! A seeded random walk over the whole supervisor: any event in any order, faults included, and the promises that
//! hold all the same. A failing seed is printed; `WINGMATE_WALK_SEED=N cargo test walk` replays it.

use super::event::{Event, FaultKind, Message};
use super::unit::Unit;
use super::world::{Manner, World, service};
use super::{Plan, PlannedJob};
use crate::model::command::ProcessSpec;
use crate::model::exit::Exit;
use crate::model::job::{self, JobSpec, Missed, Overlap, Retries};
use crate::model::moment::{Mono, Wall};
use crate::model::service::{
    Condition, Dependency, Health, Hook, MaxRestarts, Probe, Ready, ReadyKind, Restart, ServiceSpec, StopGroup,
    StopSpec,
};
use crate::model::signal::Signal;
use crate::model::unit::{Life, Pid, UnitId};
use crate::schedule::zone::Zone;
use crate::schedule::{Schedule, Timing};
use std::ffi::OsStr;
use std::rc::Rc;
use std::time::Duration;

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    fn one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.roll(choices.len() as u64) as usize]
    }

    fn millis(&mut self, most: u64) -> Duration {
        Duration::from_millis(self.roll(most))
    }
}

/// The services of a plan; each may depend on those before it.
fn spec(dice: &mut Dice, index: u64) -> ServiceSpec {
    let mut spec = service(&format!("s{index}"));
    spec.restart = dice.of(&[Restart::Always, Restart::Always, Restart::OnFailure, Restart::Never]);
    spec.startsecs = dice.millis(3_000);
    spec.autostart = !dice.one_in(8);
    spec.critical = dice.one_in(40);
    spec.stop.timeout = dice.millis(6_000);
    spec.stop.group = dice.of(&[StopGroup::Group, StopGroup::KillGroup, StopGroup::Main]);
    spec.max_restarts = match dice.roll(6) {
        0 => Some(MaxRestarts::InARow(dice.roll(8) as u32)),
        1 => Some(MaxRestarts::Within { count: dice.roll(8) as u32, within: dice.millis(9_000) }),
        _ => None,
    };
    for earlier in 0..index {
        if dice.one_in(3) {
            let condition = dice.of(&[Condition::Started, Condition::Ready, Condition::Ready, Condition::Completed]);
            spec.depends_on.push(Dependency { name: format!("s{earlier}"), condition });
        }
    }
    if dice.one_in(2) {
        return spec;
    }
    let hook = |dice: &mut Dice| Hook { command: vec!["hook".into()], identity: None, timeout: dice.millis(3_000) };
    let probe = || Probe::File("/x".into());
    let kinds = [ReadyKind::Probe(probe()), ReadyKind::Notify, ReadyKind::Log("up".into())];
    let ready = dice.one_in(2).then(|| Ready {
        kind: kinds[dice.roll(3) as usize].clone(),
        interval: dice.millis(500),
        timeout: dice.millis(5_000),
    });
    let health = dice.one_in(3).then(|| Health {
        probe: probe(),
        // An interval of 0 and an answer at once would be a world in which no time passes.
        interval: Duration::from_millis(100) + dice.millis(2_000),
        timeout: dice.millis(1_000),
        retries: 1 + dice.roll(3) as u32,
        start_period: dice.millis(3_000),
    });
    let extras = spec.extras_mut();
    (extras.ready, extras.health) = (ready, health);
    extras.watchdog = dice.one_in(4).then(|| Duration::from_millis(1) + dice.millis(4_000));
    extras.pre_start = dice.one_in(3).then(|| hook(dice));
    extras.post_stop = dice.one_in(3).then(|| hook(dice));
    extras.stop_command = dice.one_in(3).then(|| vec!["stop".into()]);
    extras.no_restart_codes = if dice.one_in(5) { vec![1] } else { Vec::new() };
    spec
}

fn exit(dice: &mut Dice) -> Exit {
    let killed = Exit::Signal { signal: Signal::KILL, core: false };
    dice.of(&[Exit::Code(0), Exit::Code(0), Exit::Code(1), Exit::Code(2), killed, Exit::OutOfMemory])
}

fn manner(dice: &mut Dice) -> Manner {
    let forever = Duration::MAX;
    Manner {
        ends: dice.one_in(2).then(|| (dice.millis(4_000), exit(dice))),
        obeys: (!dice.one_in(4)).then(|| dice.millis(2_000)),
        leaves: dice.one_in(4),
        broken: dice.one_in(8).then(|| dice.of(&[FaultKind::NotFound, FaultKind::Exhausted])),
        undying: false,
        hooks: (dice.millis(4_000), exit(dice)),
        answers: dice.millis(1_500),
        fit_after: dice.millis(4_000),
        unfit_after: if dice.one_in(2) { forever } else { dice.millis(9_000) },
    }
}

fn job(dice: &mut Dice, index: u64, services: u64) -> PlannedJob {
    let seconds = 1 + dice.roll(20);
    let text = if dice.one_in(4) { "* * * * *".to_owned() } else { format!("@every {seconds}s") };
    let (name, mut needs) = (format!("j{index}"), Vec::new());
    if dice.one_in(2) {
        needs.push(Dependency { name: format!("s{}", dice.roll(services)), condition: Condition::Ready });
    }
    let schedule = Schedule::parse(&text).unwrap().schedule;
    let timing = Timing { schedule, zone: Rc::new(Zone::utc()) };
    let stop = StopSpec { signal: (!dice.one_in(3)).then_some(Signal::TERM), ..StopSpec::default() };
    let manner = job::Manner {
        stop,
        overlap: dice.of(&[Overlap::Skip, Overlap::Allow, Overlap::Replace]),
        timeout: dice.one_in(2).then(|| dice.millis(4_000)),
        jitter: if dice.one_in(3) { dice.millis(9_000) } else { Duration::ZERO },
        retries: Retries { count: dice.roll(3) as u32, delay: dice.millis(3_000) },
        on_boot: dice.one_in(3),
        missed: dice.of(&[Missed::Skip, Missed::Skip, Missed::Once]),
        critical: dice.one_in(40),
        depends_on: needs,
        ..job::Manner::default()
    };
    let spec = JobSpec::new(&name, &text, [OsStr::new("job")].into_iter(), Rc::new(manner));
    let last_due = dice.one_in(2).then(|| Wall::from_seconds(1_794_990_000));
    PlannedJob { spec, timing, last_due }
}

fn plan(dice: &mut Dice, main: bool, shutdown_timeout: Duration) -> Plan {
    let (services, jobs) = (1 + dice.roll(6), dice.roll(3));
    let main = main.then(|| ProcessSpec { command: vec!["main".into()], ..ProcessSpec::default() });
    Plan {
        services: (0..services).map(|index| spec(dice, index)).collect(),
        jobs: (0..jobs).map(|index| job(dice, index, services)).collect(),
        main,
        shutdown_timeout,
        shutdown_delay: if dice.one_in(4) { dice.millis(2_000) } else { Duration::ZERO },
        ..Plan::default()
    }
}

/// Something that may come from the outside at any time.
fn event(dice: &mut Dice, world: &World) -> Event {
    let unit = UnitId(dice.roll(world.supervisor.units.len() as u64 + 1) as u32);
    let life = if dice.one_in(3) { Life(dice.roll(6) as u32) } else { life_of(world, unit) };
    match dice.roll(9) {
        0 => Event::Signalled(dice.of(&[Signal::USR1, Signal::USR2, Signal::WINCH])),
        1 => Event::ClockSet,
        2 => Event::OrphanReaped,
        // Of a life that never was: it changes nothing.
        3 => Event::GroupGone { unit, life: Life(u32::MAX) },
        4 => Event::Ready { unit, life },
        5 => Event::Notified { unit, life, message: Message::Ready },
        6 => Event::Notified { unit, life, message: Message::Watchdog },
        7 => Event::Notified { unit, life, message: Message::ExtendTimeout(dice.millis(3_000)) },
        _ => Event::Notified { unit, life, message: dice_message(dice) },
    }
}

fn dice_message(dice: &mut Dice) -> Message {
    match dice.roll(4) {
        0 => Message::Reloading,
        1 => Message::Stopping,
        2 => Message::Status("busy".into()),
        _ => Message::WatchdogTrigger,
    }
}

fn life_of(world: &World, unit: UnitId) -> Life {
    match world.supervisor.unit(unit) {
        Some(Unit::Service(service)) => service.life,
        Some(Unit::Job(_) | Unit::Main(_) | Unit::Gone) | None => Life::default(),
    }
}

/// One world from its beginning to its end; how many events it had.
fn walk(seed: u64) -> usize {
    let mut dice = Dice(seed);
    let (has_main, timeout) = (dice.one_in(3), dice.millis(10_000));
    let mut world = World::new(plan(&mut dice, has_main, timeout));
    for unit in 0..10 {
        world.manners.insert(UnitId(unit), manner(&mut dice));
    }
    world.happen(Event::Begin);
    let (mut events, mut asked) = (0, None);
    let enough = 40 + dice.roll(160);
    while world.left.is_none() && events < 4_000 {
        events += 1;
        let most = if dice.one_in(10) { 5_000 } else { 200 };
        world.pass(dice.millis(most));
        if world.left.is_some() {
            break;
        }
        match dice.roll(14) {
            0..4 => {
                let alive = world.alive();
                if !alive.is_empty() {
                    let pid: Pid = dice.of(&alive);
                    world.end(pid, exit(&mut dice));
                }
            }
            4 => {
                let unit = UnitId(dice.roll(10) as u32);
                let manner = manner(&mut dice);
                world.manners.insert(unit, manner);
            }
            5..9 => {
                let event = event(&mut dice, &world);
                world.happen(event);
            }
            9 => {
                let seconds = dice.roll(7_200) as i64 - 3_600;
                world.now.wall = Wall::from_nanos(world.now.wall.nanos() + seconds * 1_000_000_000);
                world.happen(Event::ClockSet);
            }
            10 => world.happen(Event::Signalled(Signal::HUP)),
            11 if dice.one_in(3) => {
                let plan = plan(&mut dice, false, timeout);
                world.reload(plan);
            }
            12 if events as u64 > enough || dice.one_in(100) => {
                asked.get_or_insert(world.now.mono);
                world.happen(Event::Signalled(dice.of(&[Signal::TERM, Signal::INT, Signal::QUIT])));
            }
            _ => {}
        }
        check(&world, seed, asked.map(|at| at + timeout));
    }
    assert!(world.left.is_some(), "seed {seed}: it never left: {:?}", world.story);
    events
}

fn check(world: &World, seed: u64, by: Option<Mono>) {
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
            "seed {seed}: a timer that is never done: {:?}: {:?}",
            world.supervisor.table().filter(|(_, unit)| unit.deadline() == next).collect::<Vec<_>>(),
            world.story
        );
        // Who is down has nothing that runs, and no timer.
        for (unit, machine) in world.supervisor.table() {
            if matches!(machine, Unit::Service(_) | Unit::Job(_)) && machine.is_down() {
                assert_eq!(machine.deadline(), None, "seed {seed}: unit {} is down and waits", unit.0);
                assert!(!world.runs(unit), "seed {seed}: unit {} is down and runs: {:?}", unit.0, world.story);
            }
        }
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
