//! Fetching models from a server that speaks the hub's routes.

use crate::common::server::{Page, Request, Server};
use crate::common::{COMMIT, Machine};
use codepurify_hub::{Hub, HubError, Parts};
use sha2::{Digest, Sha256};

/// The model's weights: more than one buffer.
static WEIGHTS: [u8; 200_000] = [7; 200_000];
const API: &str = "/api/models/org/model/revision/main";
const FOLDER: &str = "cache/models--org--model";

fn sha256(bytes: &[u8]) -> String {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    let (high, low) = digest.split_at(16);
    let number = |half: &[u8]| u128::from_be_bytes(half.try_into().unwrap());
    format!("{:032x}{:032x}", number(high), number(low))
}

fn file(name: &str) -> String {
    format!("/org/model/resolve/{COMMIT}/{name}")
}

/// The address of a large file on the network that delivers them.
fn delivery(name: &str) -> String {
    format!("/delivery/{name}?signature=x")
}

/// Description of `org/model` with these files.
fn api(names: &[&str]) -> Page {
    let files: Vec<String> = names.iter().map(|name| format!(r#"{{"rfilename": "{name}"}}"#)).collect();
    Page::new(200, format!(r#"{{"id": "org/model", "sha": "{COMMIT}", "siblings": [{}]}}"#, files.join(", ")))
}

/// A hub with a repository, and the network that delivers its large files.
struct Site {
    machine: Machine,
    hub: Server,
    delivery: Server,
}

impl Site {
    /// `org/model` with a description and weights in one file, and files that nobody needs.
    fn new() -> Self {
        let site = Self { machine: Machine::new(), hub: Server::start(), delivery: Server::start() };
        let names =
            ["config.json", "vocab.json", "merges.txt", "README.md", "onnx/model.onnx", "../../evil.json"];
        site.hub.page(API, api(&[&names[..], &["model.safetensors", "pytorch_model.bin"]].concat()));
        for name in names {
            site.small(name, name);
        }
        site.large("model.safetensors", &WEIGHTS);
        site.large("pytorch_model.bin", b"a pickle");
        site
    }

    /// A file that the hub sends itself.
    fn small(&self, name: &str, body: &str) {
        let etag = format!("\"{}\"", &sha256(body.as_bytes())[..40]);
        self.hub.page(&file(name), Page::new(200, body).with("ETag", &etag).with("X-Repo-Commit", COMMIT));
    }

    /// A file that the hub sends people elsewhere for.
    fn large(&self, name: &str, body: &[u8]) {
        let elsewhere = format!("{}{}", self.delivery.address, delivery(name));
        let redirect = Page::to(&elsewhere)
            .with("X-Linked-ETag", &format!("\"{}\"", sha256(body)))
            .with("X-Linked-Size", &body.len())
            .with("X-Repo-Commit", COMMIT);
        self.hub.page(&file(name), redirect);
        self.delivery.page(&delivery(name), Page::new(200, body).with("ETag", "\"of the delivery\""));
    }

    fn hub_with(&self, variables: &[(&str, &str)]) -> Hub {
        let here = [("HF_HUB_CACHE", "{}/cache"), ("HF_HOME", "{}/home"), ("HF_ENDPOINT", &self.hub.address)];
        self.machine.hub(&[&here[..], variables].concat())
    }

    fn fetch(&self, parts: Parts) -> Result<Vec<String>, HubError> {
        self.hub_with(&[]).resolve("org/model", parts)?;
        Ok(self.snapshot())
    }

    fn snapshot(&self) -> Vec<String> {
        self.machine.files(&format!("{FOLDER}/snapshots/{COMMIT}"))
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.machine.path(&format!("{FOLDER}/snapshots/{COMMIT}/{name}"))).unwrap()
    }

    fn asked(&self) -> Vec<String> {
        self.hub.requests().into_iter().map(|request| request.path).collect()
    }
}

#[test]
fn a_model_is_fetched_into_the_layout_that_others_read() {
    let site = Site::new();
    let dir = site.hub_with(&[]).resolve("org/model", Parts::Everything).unwrap();
    assert_eq!(dir, site.machine.path(&format!("{FOLDER}/snapshots/{COMMIT}")));
    assert_eq!(site.snapshot(), ["config.json", "merges.txt", "model.safetensors", "vocab.json"]);
    assert_eq!(site.read("model.safetensors"), WEIGHTS);
    assert_eq!(site.read("config.json"), b"config.json");
    assert_eq!(std::fs::read_to_string(site.machine.path(&format!("{FOLDER}/refs/main"))).unwrap(), COMMIT);
    let names =
        ["config.json", "merges.txt", "vocab.json"].map(|name| sha256(name.as_bytes())[..40].to_owned());
    let mut blobs = [&names[..], &[sha256(&WEIGHTS)]].concat();
    blobs.sort();
    assert_eq!(site.machine.files(&format!("{FOLDER}/blobs")), blobs);
    let asked: Vec<String> =
        ["config.json", "vocab.json", "merges.txt", "model.safetensors"].map(file).into();
    assert_eq!(site.asked(), [&[API.to_owned()][..], &asked].concat(), "nothing else is asked for");
}

#[cfg(unix)]
#[test]
fn snapshots_are_relative_links_that_others_may_read() {
    use std::os::unix::fs::PermissionsExt;
    let site = Site::new();
    site.fetch(Parts::Everything).unwrap();
    let link = site.machine.path(&format!("{FOLDER}/snapshots/{COMMIT}/model.safetensors"));
    let target = std::fs::read_link(&link).unwrap();
    assert_eq!(target.to_str().unwrap(), format!("../../blobs/{}", sha256(&WEIGHTS)));
    let plain = site.machine.path("plain");
    std::fs::write(&plain, "").unwrap();
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&link), mode(&plain));
}

#[test]
fn a_second_run_asks_nobody() {
    let site = Site::new();
    site.fetch(Parts::Everything).unwrap();
    site.asked();
    for variables in [&[][..], &[("HF_HUB_OFFLINE", "1")]] {
        site.hub_with(variables).resolve("org/model", Parts::Everything).unwrap();
        site.hub_with(variables).resolve(format!("org/model@{COMMIT}"), Parts::Everything).unwrap();
    }
    assert_eq!(site.asked(), Vec::<String>::new());
}

#[test]
fn offline_nobody_is_asked() {
    let site = Site::new();
    for variable in ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"] {
        for value in ["1", "true", "YES", "On"] {
            let hub = site.hub_with(&[(variable, value)]);
            let error = hub.resolve("org/model", Parts::Everything).unwrap_err();
            assert!(error.to_string().contains("HF_HUB_OFFLINE"), "{error}");
        }
    }
    assert_eq!(site.asked(), Vec::<String>::new());
    assert!(site.hub_with(&[("HF_HUB_OFFLINE", "0")]).resolve("org/model", Parts::Everything).is_ok());
}

#[test]
fn only_wanted_parts_are_fetched_and_the_rest_on_demand() {
    let site = Site::new();
    assert_eq!(site.fetch(Parts::Description).unwrap(), ["config.json", "merges.txt", "vocab.json"]);
    assert!(site.delivery.requests().is_empty());
    site.asked();
    assert_eq!(site.fetch(Parts::Everything).unwrap().len(), 4);
    assert_eq!(site.asked(), [API.to_owned(), file("model.safetensors")]);
}

#[test]
fn a_revision_has_its_own_reference() {
    let site = Site::new();
    site.hub.page("/api/models/org/model/revision/refs%2Fpr%2F1", api(&["model.safetensors"]));
    site.hub_with(&[]).resolve("org/model@refs/pr/1", Parts::Weights).unwrap();
    assert_eq!(site.machine.files(&format!("{FOLDER}/refs")), ["refs/pr/1"]);
}

#[test]
fn shards_are_those_of_the_index() {
    let site = Site::new();
    let index = "pytorch_model.bin.index.json";
    site.hub.page(API, api(&[index, "shard-1.bin", "shard-2.bin", "shard-3.bin"]));
    site.small(index, r#"{"weight_map": {"b": "shard-2.bin", "a": "shard-1.bin", "c": "shard-1.bin"}}"#);
    site.large("shard-1.bin", b"one");
    site.large("shard-2.bin", b"two");
    assert_eq!(site.fetch(Parts::Weights).unwrap(), [index, "shard-1.bin", "shard-2.bin"]);
}

#[test]
fn an_index_that_leaves_the_snapshot_is_refused() {
    for name in ["../../../evil.bin", "/tmp/evil.bin", "sub/evil.bin", "..\\\\evil.bin", ".hidden", ""] {
        let site = Site::new();
        let index = "model.safetensors.index.json";
        site.hub.page(API, api(&[index, name]));
        site.small(index, &format!(r#"{{"weight_map": {{"a": "{name}"}}}}"#));
        let error = site.fetch(Parts::Weights).unwrap_err();
        assert!(matches!(error, HubError::BadIndex { .. }), "{name}: {error}");
        assert_eq!(site.asked(), [API.to_owned(), file(index)], "{name}");
        assert_eq!(site.snapshot(), Vec::<String>::new());
    }
}

#[test]
fn the_token_goes_to_the_hub_and_nowhere_else() {
    let site = Site::new();
    for path in [API.to_owned(), file("model.safetensors")] {
        site.hub.change(&path, |page| page.token = Some("hf_secret".to_owned()));
    }
    let error = site.fetch(Parts::Weights).unwrap_err();
    assert!(matches!(error, HubError::Unauthorized { status: 401, .. }), "{error}");
    assert!(error.to_string().contains("HF_TOKEN"), "{error}");
    assert!(site.hub_with(&[("HF_TOKEN", "hf_wrong")]).resolve("org/model", Parts::Weights).is_err());
    site.hub.requests();

    site.hub_with(&[("HF_TOKEN", " hf_secret\n")]).resolve("org/model", Parts::Weights).unwrap();
    let with_token = |request: &Request| request.authorization.as_deref() == Some("Bearer hf_secret");
    assert!(site.hub.requests().iter().all(with_token));
    let delivered = site.delivery.requests();
    assert!(delivered.len() == 1 && delivered[0].authorization.is_none(), "{delivered:?}");
}

#[test]
fn the_token_may_be_in_a_file_and_may_be_held_back() {
    let site = Site::new();
    let sent = |variables: &[(&str, &str)]| {
        std::fs::remove_dir_all(site.machine.path("cache")).ok();
        site.hub_with(variables).resolve("org/model", Parts::Description).unwrap();
        site.hub.requests()[0].authorization.clone().unwrap_or_default()
    };
    assert_eq!(sent(&[]), "");
    site.machine.write("home/token", "from-home\n");
    site.machine.write("elsewhere", "from-elsewhere");
    assert_eq!(sent(&[]), "Bearer from-home");
    assert_eq!(sent(&[("HF_TOKEN_PATH", "{}/elsewhere")]), "Bearer from-elsewhere");
    assert_eq!(sent(&[("HF_TOKEN_PATH", "{}/elsewhere"), ("HF_TOKEN", "from-value")]), "Bearer from-value");
    assert_eq!(sent(&[("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1"), ("HF_TOKEN", "from-value")]), "");

    let hub = site.hub_with(&[("HF_TOKEN", "two\r\nlines: secret")]);
    std::fs::remove_dir_all(site.machine.path("cache")).unwrap();
    let error = hub.resolve("org/model", Parts::Description).unwrap_err();
    assert!(matches!(error, HubError::Token { .. }) && !error.to_string().contains("secret"), "{error}");
}

#[test]
fn a_redirect_within_the_hub_keeps_token_and_meaning() {
    let site = Site::new();
    site.hub.page(API, Page::to("/api/models/org/new-name/revision/main"));
    site.hub.page("/api/models/org/new-name/revision/main", api(&["pytorch_model.bin"]));
    let (from, to) = (file("pytorch_model.bin"), "/api/resolve-cache/model");
    site.hub.page(&from, Page::to(to).with("ETag", "\"of the redirect\""));
    site.hub.page(to, Page::new(200, "weights").with("ETag", "W/\"abc\"").with("X-Repo-Commit", COMMIT));
    site.hub_with(&[("HF_TOKEN", "secret")]).resolve("org/model", Parts::Weights).unwrap();
    assert!(site.hub.requests().iter().all(|request| request.authorization.is_some()));
    assert_eq!(site.machine.files(&format!("{FOLDER}/blobs")), ["abc"]);
}

#[test]
fn redirects_come_to_an_end() {
    let site = Site::new();
    for to in [API, "file:///etc/passwd", "nowhere", ""] {
        site.hub.page(API, Page::to(to));
        let error = site.fetch(Parts::Everything).unwrap_err();
        assert!(matches!(error, HubError::BadAnswer { .. }), "{to}: {error}");
    }
    assert!(site.asked().len() < 15);
}

#[test]
fn refusals_are_told_apart() {
    let site = Site::new();
    let error_of = |path: &str, status| {
        let page = site.hub_page(path);
        site.hub.page(path, Page::new(status, ""));
        let error = site.fetch(Parts::Everything).unwrap_err();
        assert!(error.to_string().contains(path), "{error}");
        site.hub.page(path, page);
        error
    };
    for path in [API, &file("config.json"), &file("model.safetensors")] {
        assert!(matches!(error_of(path, 401), HubError::Unauthorized { .. }));
        assert!(matches!(error_of(path, 403), HubError::Unauthorized { .. }));
        assert!(matches!(error_of(path, 404), HubError::NotOnServer { .. }));
        assert!(matches!(error_of(path, 429), HubError::Server { status: 429, .. }));
        assert!(matches!(error_of(path, 500), HubError::Server { status: 500, .. }));
    }
    assert!(site.fetch(Parts::Everything).is_ok());
}

#[test]
fn a_server_that_is_not_there_is_an_error() {
    let site = Site::new();
    for (endpoint, wanted) in
        [("http://127.0.0.1:1", "127.0.0.1:1"), ("ftp://x", "HF_ENDPOINT"), ("x y", "HF_ENDPOINT")]
    {
        let error = site.hub_with(&[]).resolve("org/model", Parts::Weights).map(|_| ());
        assert!(error.is_ok());
        std::fs::remove_dir_all(site.machine.path("cache")).unwrap();
        let hub =
            site.machine.hub(&[("HF_HUB_CACHE", "{}/cache"), ("HF_ENDPOINT", endpoint), ("HOME", "{}")]);
        let error = hub.resolve("org/model", Parts::Weights).unwrap_err();
        assert!(error.to_string().contains(wanted), "{error}");
    }
}

#[test]
fn answers_that_do_not_follow_the_protocol_are_refused() {
    let site = Site::new();
    let refused = |wanted: &str| {
        let error = site.fetch(Parts::Everything).unwrap_err();
        assert!(matches!(&error, HubError::BadAnswer { .. }), "{wanted}: {error}");
        assert!(error.to_string().contains(wanted), "{wanted}: {error}");
        assert_eq!(site.snapshot(), Vec::<String>::new());
    };
    let good = site.hub_page(API);
    for body in ["", "[]", "{\"sha\": 1}", "{\"siblings\": []}", "\u{0}"] {
        site.hub.page(API, Page::new(200, body));
        refused(API);
    }
    for sha in ["../../..", "main", ""] {
        site.hub.page(API, Page::new(200, format!(r#"{{"sha": "{sha}", "siblings": []}}"#)));
        refused("no commit");
    }
    site.hub.page(API, good);
    for etag in ["\"../../../evil\"", "\"\"", "\"..\"", "a/b", "x\\y"] {
        site.hub.page(&file("config.json"), Page::new(200, "{}").with("ETag", etag));
        refused("etag");
    }
    site.hub.page(&file("config.json"), Page::new(200, "{}"));
    refused("etag");
    let other = Page::new(200, "{}").with("ETag", "abc").with("X-Repo-Commit", &"f".repeat(40));
    site.hub.page(&file("config.json"), other);
    refused("another commit");
}

#[test]
fn a_repository_without_weights_fails_before_any_fetch() {
    let site = Site::new();
    for (files, wanted) in [
        (&["config.json", "tokenizer.json", "onnx/model.safetensors"][..], "model.safetensors"),
        (&["config.json", "vocab.json", "model.safetensors"], "tokenizer.json"),
        (&["tokenizer.json", "model.safetensors"], "config.json"),
        (&[], "config.json"),
    ] {
        site.hub.page(API, api(files));
        let error = site.fetch(Parts::Everything).unwrap_err();
        assert!(
            matches!(&error, HubError::Incomplete { .. }) && error.to_string().contains(wanted),
            "{error}"
        );
    }
    assert!(site.asked().iter().all(|path| path == API));
    assert_eq!(site.machine.files("cache"), Vec::<String>::new());
}

#[test]
fn an_interrupted_download_leaves_nothing_and_can_be_repeated() {
    let site = Site::new();
    for cut in [0, 1, WEIGHTS.len() - 1] {
        site.delivery.change(&delivery("model.safetensors"), |page| page.cut = Some(cut));
        let error = site.fetch(Parts::Everything).unwrap_err();
        let expected = WEIGHTS.len() as u64;
        assert!(
            matches!(&error, HubError::Interrupted { file, received, expected: announced, .. }
                if file == "model.safetensors" && *received <= cut as u64 && *announced == expected),
            "{error:?}"
        );
        let left = site.machine.files("cache");
        assert!(left.iter().all(|file| file.contains("/blobs/") && !file.contains("incomplete")), "{left:?}");
        assert!(!left.iter().any(|file| file.contains(&sha256(&WEIGHTS))), "{left:?}");
        let offline = site.hub_with(&[("HF_HUB_OFFLINE", "1")]).resolve("org/model", Parts::Everything);
        assert!(matches!(offline, Err(HubError::NotCached { .. })));
    }
    site.delivery.change(&delivery("model.safetensors"), |page| page.cut = None);
    assert_eq!(site.fetch(Parts::Everything).unwrap().len(), 4);
}

#[test]
fn content_that_is_not_what_was_announced_is_refused() {
    let site = Site::new();
    let replaced = |body: Vec<u8>| {
        site.delivery.page(&delivery("model.safetensors"), Page::new(200, body));
        let error = site.fetch(Parts::Everything).unwrap_err();
        assert!(!site.machine.files("cache").iter().any(|file| file.contains(&sha256(&WEIGHTS))));
        error
    };
    let mut other = WEIGHTS.to_vec();
    other[100_000] = 8;
    assert!(matches!(replaced(other), HubError::Corrupt { expected, .. } if expected == sha256(&WEIGHTS)));
    assert!(matches!(replaced(WEIGHTS[1..].to_vec()), HubError::Interrupted { .. }));
    assert!(matches!(replaced([&WEIGHTS[..], b"x"].concat()), HubError::Interrupted { .. }));
}

#[test]
fn a_disk_that_refuses_is_named() {
    let site = Site::new();
    site.machine.write("cache", "a file where the cache should be");
    let error = site.fetch(Parts::Everything).unwrap_err();
    assert!(
        matches!(&error, HubError::Disk { path, .. } if path.starts_with(site.machine.path("cache"))),
        "{error}"
    );
}

impl Site {
    fn hub_page(&self, path: &str) -> Page {
        let mut copy = None;
        self.hub.change(path, |page| copy = Some(page.clone()));
        copy.unwrap()
    }
}
