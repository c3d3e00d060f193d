//! Reaching a handler without the authoriser does not compile.

// covers RBAC-4 (no way around the authoriser)
#[test]
fn an_operation_without_authorisation_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
