//! The generator sees what is lost, repeated or out of order: a measurement that cannot fail proves nothing.

use tidewire_bench::order::{Order, Step};

fn check(last: Option<u64>, seqs: &[u64], expected: &[Step]) {
    let mut order = Order::after(last);
    let steps: Vec<Step> = seqs.iter().map(|seq| order.take(*seq)).collect();
    assert_eq!(steps, expected, "{seqs:?}");
}

#[test]
fn events_in_order_are_just_next() {
    check(Some(0), &[1, 2, 3], &[Step::Next, Step::Next, Step::Next]);
    check(None, &[7, 8], &[Step::Next, Step::Next]);
}

#[test]
fn a_gap_is_as_wide_as_what_is_missing() {
    check(Some(0), &[4, 5], &[Step::Gap(3), Step::Next]);
}

#[test]
fn what_comes_late_is_told_from_what_comes_again() {
    check(Some(0), &[1, 3, 2, 4, 2], &[Step::Next, Step::Gap(1), Step::Late, Step::Next, Step::Again]);
    check(Some(0), &[1, 1], &[Step::Next, Step::Again]);
}
