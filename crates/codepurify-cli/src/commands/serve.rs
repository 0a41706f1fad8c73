//! `serve`: answer requests with the guarded model.

use std::io;
use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use codepurify::{Language, Snippet};
use codepurify_models::GuardedModel;
use codepurify_server::{
    Config, Guard as Served, Info, Keys, Kind, Limits, Scores, Server, Sides, Timeouts, Upstream, classify,
    classify_pairs,
};

use crate::args::{ServeArgs, ServingArgs};
use crate::bundled::VICTIM_LANGUAGE;
use crate::error::CliError;
use crate::exit::Exit;
use crate::guard::{Guard, Purpose};
use crate::judge::Judge;
use crate::output::ColorMode;
use crate::settings::Settings;
use crate::watched::Watched;

/// Variable with keys, separated by commas. A flag would show them to everybody who lists processes.
const KEYS: &str = "CODEPURIFY_KEYS";

pub(crate) fn run(args: ServeArgs, color: Option<ColorMode>) -> Result<Exit, CliError> {
    let ServeArgs { options, serving } = args;
    let settings = Settings::new(options, color)?;
    let upstream = serving.upstream.clone().map(|url| (url, serving.upstream_timeout));
    let server = Server::bind(config(serving, settings.threads)?)?;
    let watched = Watched::new(settings.model_paths());
    let guard = match &upstream {
        Some((url, timeout)) => guarding_upstream(url, *timeout, &settings)?,
        None => Guard::load(&settings, Purpose::Purify)?,
    };
    let bundled = settings.model.is_none() && upstream.is_none();
    let served = ServedGuard {
        plain: Judge::new(&guard, false),
        with_evidence: Judge::new(&guard, true),
        info: info(&guard, &settings, watched, settings.lang.or(bundled.then_some(VICTIM_LANGUAGE))),
        guard: &guard,
    };
    server.run(&served, io::stderr())?;
    Ok(Exit::Nothing)
}

/// A guard of the model that another server answers for.
fn guarding_upstream(url: &str, timeout: Duration, settings: &Settings) -> Result<Guard, CliError> {
    if settings.model.is_some() || settings.cache.is_some() {
        let message = "--upstream: the model is elsewhere, so leave --model out, and --cache, which could not tell \
                       when that model changes";
        return Err(CliError::Usage(message.to_owned()));
    }
    Guard::of_victim(settings, Upstream::connect(url, timeout)?)
}

fn config(args: ServingArgs, threads: Option<usize>) -> Result<Config, CliError> {
    let listed = std::env::var(KEYS).ok();
    let keys = Keys::read(args.key_file, listed.as_deref(), KEYS)?;
    let cores = || std::thread::available_parallelism().map_or(1, NonZero::get);
    Ok(Config {
        listen: args.listen,
        keys,
        allow_anonymous: args.allow_anonymous,
        limits: Limits {
            body_bytes: args.max_body_bytes,
            snippet_bytes: args.max_snippet_bytes,
            inputs: args.max_snippets,
            requests: args.max_requests,
            queue: args.queue,
            batch_tokens: args.batch_tokens,
        },
        timeouts: Timeouts { request: args.max_timeout, grace: args.grace, ..Timeouts::default() },
        workers: threads.unwrap_or_else(cores),
        signals: true,
    })
}

/// The command's guard as the server asks it.
struct ServedGuard<'g> {
    plain: Judge<'g>,
    with_evidence: Judge<'g>,
    info: Info,
    guard: &'g Guard,
}

fn info(guard: &Guard, settings: &Settings, watched: Watched, language: Option<Language>) -> Info {
    let (tool, model) = guard.identity();
    Info {
        tool,
        model,
        labels: guard.labels().to_vec(),
        kind: match guard.model() {
            GuardedModel::Classifier(_) => Kind::Classifier,
            GuardedModel::Pair(_) => Kind::Pair,
            GuardedModel::Generator(_) => Kind::Generator,
        },
        window: guard.model().model().window(),
        language,
        profile: settings.profile.name().to_owned(),
        calibrated: !guard.can_calibrate(),
        changed: Arc::new(move || watched.changed()),
    }
}

impl Served for ServedGuard<'_> {
    fn info(&self) -> Info {
        self.info.clone()
    }

    fn tokens(&self, row: &[Snippet]) -> usize {
        let model = self.guard.model().model();
        // A text that cannot be tokenised counts as no tokens here; its row gets the error later.
        let tokens =
            |snippet: &Snippet| model.encode(snippet.text()).map_or(0, |encoding| encoding.ids.len());
        row.iter().map(|snippet| tokens(snippet).min(model.window())).sum()
    }

    fn judge(&self, rows: &[Vec<Snippet>], evidence: bool) -> Vec<Sides> {
        let judge = if evidence { &self.with_evidence } else { &self.plain };
        judge.judge_together(rows)
    }

    fn scores(&self, rows: &[Vec<String>]) -> Option<Vec<Result<Scores, codepurify::ModelError>>> {
        match self.guard.model() {
            GuardedModel::Classifier(victim) => Some(classify(victim.as_ref(), rows)),
            GuardedModel::Pair(victim) => Some(classify_pairs(victim.as_ref(), rows)),
            GuardedModel::Generator(_) => None,
        }
    }
}
