//! The options that describe the expected crowd: the same for `rush` and `plan`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::crowd::{ArrivalCurve, Crowd, Habits, MAX_PEOPLE, Share};

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "The crowd")]
pub struct CrowdOptions {
    /// How many people come [default: 1000, or the sum of the file's arrivals]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_PEOPLE)))]
    people: Option<u32>,
    /// The time in which they come: a spike at the opening with a long tail
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_duration)]
    within: Duration,
    /// When they come, as a CSV file with the columns `second` and `arrivals` (until the next row's second)
    #[arg(long, value_name = "FILE", conflicts_with = "within")]
    arrivals: Option<PathBuf>,
    /// The seed of everything random; the same seed gives the same people
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// The mean time to choose seats
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = parse_duration)]
    choosing: Duration,
    /// The mean time from a hold to its payment
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_duration)]
    paying: Duration,
    /// The mean time that people wait before they give up
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = parse_duration)]
    patience: Duration,
    /// How long people stay after they have been told that everything is sold
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_duration)]
    lingering: Duration,
    /// The most tickets that somebody wants [default: 4, at most what the event allows]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=20))]
    most_tickets: Option<u32>,
    /// People who close the page while they wait
    #[arg(long, value_name = "PERCENT", default_value_t = Habits::default().no_shows)]
    no_shows: Share,
    /// People who leave the queue
    #[arg(long, value_name = "PERCENT", default_value_t = Habits::default().leavers)]
    leavers: Share,
    /// People whose network is lost for a while
    #[arg(long, value_name = "PERCENT", default_value_t = Habits::default().lost_networks)]
    lost_networks: Share,
    /// How long such a network is lost, on average
    #[arg(long, value_name = "TIME", default_value = "15s", value_parser = parse_duration)]
    outage: Duration,
    /// People with the shop open on two or three devices
    #[arg(long, value_name = "PERCENT", default_value_t = Habits::default().several_devices)]
    several_devices: Share,
    /// People who keep reloading the page
    #[arg(long, value_name = "PERCENT", default_value_t = Habits::default().reloaders)]
    reloaders: Share,
    /// People who choose on the seat map, instead of taking the best seats
    #[arg(long, value_name = "PERCENT", default_value_t = Habits::default().choosers)]
    choosers: Share,
    /// People who leave their turn, hold other seats, never pay, or return their tickets
    #[arg(long, value_name = "PERCENT", default_value_t = Habits::default().changes_of_mind)]
    changes_of_mind: Share,
    /// Scripts that ask as fast as they get answers
    #[arg(long, value_name = "PERCENT", default_value_t = Habits::default().bots)]
    bots: Share,
}

/// Without a number of people or a file.
const USUAL_PEOPLE: u32 = 1_000;

/// Reads a time such as `90s`, `5m` or `1h 30m`.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let longest = Duration::from_hours(7 * 24);
    match humantime::parse_duration(text) {
        Ok(time) if time <= longest => Ok(time),
        Ok(_) => Err("must be at most 7 days".to_owned()),
        Err(error) => Err(format!("must be a time such as 90s, 5m or 2h: {error}")),
    }
}

impl CrowdOptions {
    /// The crowd, for an event that allows each user this many tickets.
    pub fn crowd(&self, tickets_allowed: u32) -> Result<Crowd> {
        let (arrivals, people) = match &self.arrivals {
            None => (ArrivalCurve::opening(self.within), USUAL_PEOPLE),
            Some(file) => {
                let name = file.display();
                let text = std::fs::read_to_string(file)
                    .with_context(|| format!("--arrivals: cannot read {name}"))?;
                let (curve, sum) =
                    ArrivalCurve::from_csv(&text).with_context(|| format!("--arrivals: {name}"))?;
                (curve, people_of(sum)?)
            }
        };
        let most_tickets = self.most_tickets.unwrap_or(Habits::default().most_tickets);
        Ok(Crowd {
            people: self.people.unwrap_or(people),
            arrivals,
            seed: self.seed,
            habits: Habits {
                choosing: self.choosing,
                paying: self.paying,
                patience: self.patience,
                lingering: self.lingering,
                most_tickets: most_tickets.min(tickets_allowed).max(1),
                no_shows: self.no_shows,
                leavers: self.leavers,
                lost_networks: self.lost_networks,
                outage: self.outage,
                several_devices: self.several_devices,
                reloaders: self.reloaders,
                choosers: self.choosers,
                changes_of_mind: self.changes_of_mind,
                bots: self.bots,
            },
        })
    }
}

fn people_of(sum: f64) -> Result<u32> {
    let people = sum.round();
    if !(1.0..=f64::from(MAX_PEOPLE)).contains(&people) {
        bail!("--arrivals: the sum of the arrivals must be 1 to {MAX_PEOPLE}; or use --people");
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number within the bounds that were just checked"
    )]
    Ok(people as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct CommandLine {
        #[command(flatten)]
        crowd: CrowdOptions,
    }

    fn crowd(arguments: &[&str]) -> Crowd {
        let arguments = std::iter::once("test").chain(arguments.iter().copied());
        let parsed = CommandLine::try_parse_from(arguments).unwrap();
        parsed.crowd.crowd(2).unwrap()
    }

    #[test]
    fn without_options_the_habits_are_the_usual_ones() {
        let crowd = crowd(&[]);
        let usual = Habits {
            most_tickets: 2,
            ..Habits::default()
        };
        assert_eq!(crowd.habits, usual);
        assert_eq!(crowd.people, USUAL_PEOPLE);
    }

    #[test]
    fn a_file_of_arrivals_says_how_many_come_unless_an_option_does() {
        let file = std::env::temp_dir().join(format!("arrivals-{}.csv", std::process::id()));
        std::fs::write(&file, "second,arrivals\n0,40\n1,2.4\n").unwrap();
        let name = file.to_str().unwrap();
        assert_eq!(crowd(&["--arrivals", name]).people, 42);
        assert_eq!(crowd(&["--arrivals", name, "--people", "7"]).people, 7);
        std::fs::remove_file(&file).unwrap();
    }

    #[test]
    fn times_have_units_and_a_bound() {
        assert_eq!(parse_duration("1h 30m"), Ok(Duration::from_mins(90)));
        for text in ["", "5", "-1s", "8days", "soon"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
