//! Reading YAML: every mistake has its place, and nothing is swallowed.

use waypost_codegen::load::{MAX_BYTES, load};
use waypost_codegen::{Finding, Place, Rule};

fn refused(text: &str) -> Vec<Finding> {
    load(text).expect_err("this is refused")
}

fn only(text: &str) -> Finding {
    let mut findings = refused(text);
    assert_eq!(findings.len(), 1, "{findings:?}");
    findings.remove(0)
}

#[test]
fn a_document_becomes_json_in_the_order_of_the_file() {
    let document =
        load("b: 1\na: [true, ~, 1.5, '2', \"x\", 0x10, null, NO]\nc:\n  d: |\n    two\n    lines\n")
            .unwrap();
    assert_eq!(
        document.value.to_string(),
        r#"{"b":1,"a":[true,null,1.5,"2","x",16,null,"NO"],"c":{"d":"two\nlines\n"}}"#
    );
}

#[test]
fn every_node_knows_its_line_and_column() {
    let document = load("a:\n  b/c:\n    - x\n    - {d: 1}\n").unwrap();
    assert_eq!(document.place("/a"), Place { line: 1, column: 1 });
    assert_eq!(document.place("/a/b~1c"), Place { line: 2, column: 3 });
    assert_eq!(document.place("/a/b~1c/0"), Place { line: 3, column: 7 });
    assert_eq!(document.place("/a/b~1c/1/d"), Place { line: 4, column: 8 });
    // What is not there has the place of what it would be in.
    assert_eq!(document.place("/a/b~1c/1/e/f"), Place { line: 4, column: 7 });
}

#[test]
fn malformed_yaml_tells_where() {
    let finding = only("openapi: 3.0.3\ninfo:\n  title: [a\n  version: b\n");
    assert_eq!(finding.rule, Rule::Yaml);
    assert_eq!(finding.place.line, 4);
    assert!(finding.reason.starts_with("This is not YAML"), "{}", finding.reason);
}

#[test]
fn a_key_that_comes_twice_is_refused_with_both_places() {
    let finding = only("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n");
    assert_eq!((finding.rule, finding.pointer.as_str()), (Rule::DuplicateKey, "/b/c"));
    assert_eq!(finding.place, Place { line: 5, column: 3 });
    assert!(finding.reason.contains("line 3"), "{}", finding.reason);
}

#[test]
fn every_duplicate_is_told_at_once() {
    assert_eq!(refused("a: 1\na: 2\nb: {c: 1, c: 2}\n").len(), 2);
}

#[test]
fn merge_keys_and_tags_are_refused() {
    assert!(only("a: &x {b: 1}\nc:\n  <<: *x\n").reason.contains("merge keys"));
    assert!(only("a: !secret b\n").reason.contains("tag"));
}

#[test]
fn anchors_are_copied() {
    let document = load("a: &x {b: [1]}\nc: *x\n").unwrap();
    assert_eq!(document.value.to_string(), r#"{"a":{"b":[1]},"c":{"b":[1]}}"#);
}

#[test]
fn aliases_that_multiply_are_stopped() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let copies = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{copies}]\n"));
    }
    assert!(only(&bomb).reason.contains("nodes"));
}

#[test]
fn an_alias_into_itself_is_refused() {
    assert_eq!(only("a: &x [*x]\n").rule, Rule::Yaml);
}

#[test]
fn depth_and_size_have_limits() {
    assert!(only(&format!("a: {}", "[".repeat(200))).reason.contains("deeper"));
    assert!(only(&"x".repeat(MAX_BYTES + 1)).reason.contains("limit"));
}

#[test]
fn what_is_no_document_is_refused() {
    assert!(only("").reason.contains("empty"));
    assert!(only("- a\n- b\n").reason.contains("not a mapping"));
    assert!(only("just text\n").reason.contains("not a mapping"));
    assert!(only("a: 1\n---\nb: 2\n").reason.contains("second document"));
    assert_eq!(only("? [a, b]\n: c\n").rule, Rule::Yaml);
}

#[test]
fn numbers_that_json_does_not_have_are_refused() {
    assert!(only("a: .inf\n").reason.contains(".inf"));
    assert!(only("a: .nan\n").reason.contains(".nan"));
}

#[test]
fn keys_may_look_like_numbers() {
    assert_eq!(load("200: a\n1.0: b\n").unwrap().value.to_string(), r#"{"200":"a","1.0":"b"}"#);
}
