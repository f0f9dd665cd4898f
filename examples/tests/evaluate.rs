//! The example `evaluate` from outside: a line in, a line out, whatever the line is.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test may

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use gatepost_syntax::base64;
use serde_json::{Value, json};

fn answers(input: &str) -> Vec<Value> {
    // cargo builds the examples of a package before it runs the package's tests
    let here = std::env::current_exe().unwrap();
    let program = here.parent().and_then(Path::parent).unwrap().join("examples/evaluate");
    let mut child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut pipe, input) = (child.stdin.take().unwrap(), input.to_owned());
    let writer = std::thread::spawn(move || pipe.write_all(input.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn answer(request: &Value) -> Value {
    let mut answers = answers(&format!("{request}\n"));
    assert_eq!(answers.len(), 1, "{request}");
    answers.pop().unwrap()
}

#[test]
fn every_line_is_answered_in_its_place() {
    let bad = ["", " ", "{", "[]", "null", "{}", r#"{"op":"nope"}"#, r#"{"op":"spf"}"#, r#"{"id":1,"#, "\u{feff}{}"];
    let good = |id: usize| json!({"id": id, "op": "address", "path": "a@b.example"}).to_string();
    let lines: Vec<String> = bad.iter().enumerate().flat_map(|(id, bad)| [(*bad).to_owned(), good(id)]).collect();
    let answers = answers(&lines.join("\n"));
    assert_eq!(answers.len(), lines.len());
    for (id, pair) in answers.chunks(2).enumerate() {
        assert!(pair[0]["error"].is_string(), "{}", pair[0]);
        assert_eq!((&pair[1]["id"], &pair[1]["valid"]), (&json!(id), &json!(true)));
    }
}

#[test]
fn identifiers_of_another_shape_are_errors() {
    let with =
        |spf: Value, dkim: Value| answer(&json!({"op": "dmarc", "from_domain": "a.example", "spf": spf, "dkim": dkim}));
    for (spf, dkim) in [
        (json!(5), json!(null)),
        (json!({}), json!(null)),
        (json!({"result": 1}), json!(null)),
        (json!(null), json!({})),
        (json!(null), json!([1])),
        (json!(null), json!([{"result": "pass", "domain": 1}])),
    ] {
        assert!(with(spf.clone(), dkim.clone())["error"].is_string(), "{spf} {dkim}");
    }
    assert_eq!(with(json!({"result": "none", "domain": null}), json!([]))["result"], "none");
}

/// Requirements B5.34, B6.42: a message of as many fields as a line may hold is judged.
#[test]
fn many_fields_are_judged() {
    let message = "Authentication-Results: mx.example; spf=pass\r\n".repeat(10_000) + "From: a@b.example\r\n\r\nx";
    let stripped = answer(&json!({"op": "strip-auth-results", "authserv_id": "mx.example", "message": message}));
    assert_eq!((&stripped["removed"], &stripped["message"]), (&json!(10_000), &json!("From: a@b.example\r\n\r\nx")));
    let message = "ARC-Seal: i=1; cv=none; b=aa\r\n".repeat(10_000) + "From: a@b.example\r\n\r\nx";
    assert_eq!(answer(&json!({"op": "arc", "message": message}))["result"], "fail");
}

/// RFC 6376 §3.5: past `x=` by a second is past it; the clock is the request's and needs no allowance.
#[test]
fn signatures_expire_to_the_second() {
    let at = |clock: u64| {
        let signature = "DKIM-Signature: v=1; a=rsa-sha256; d=b.example; s=s; h=from; x=1000; bh=AAAA; b=AAAA";
        let message = format!("{signature}\r\nFrom: a@b.example\r\n\r\nx");
        let verdict = answer(&json!({"op": "dkim", "message": message, "clock": clock}));
        verdict["signatures"][0]["reason"].as_str().unwrap().to_owned()
    };
    assert_eq!(at(1000), "no key for the signature");
    assert_eq!(at(1001), "the signature expired at 1000");
}

/// RFC 4616 §2: names are compared prepared, what the store has and what the client says.
#[test]
fn users_have_prepared_names() {
    for (stored, said) in [("\u{2168}", "\u{2168}"), ("\u{2168}", "IX"), ("I\u{ad}X", "IX"), ("u\u{308}", "\u{fc}")] {
        let message = base64::encode(format!("\0{said}\0pencil"));
        let users = json!({stored: "pencil"});
        let request = json!({"op": "sasl", "mechanism": "PLAIN", "users": users, "exchange": [message]});
        assert_eq!(answer(&request)["result"], "pass", "{stored:?} {said:?}");
    }
}
