//! The order of things that wait for each other, whatever they are.

/// These wait for each other in a circle: each for the next one, and the last for the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle(pub Vec<usize>);

/// Puts nodes into an order in which each comes behind everything that it waits for: `waits_for[n]` are
/// those that node `n` waits for. Nodes that could go in any order keep the one they came in, as far as
/// that can be. Numbers that are no node's are passed over.
///
/// # Errors
/// When there is no such order, with one circle that is the reason.
pub fn in_order(waits_for: &[Vec<usize>]) -> Result<Vec<usize>, Cycle> {
    let count = waits_for.len();
    let mut left: Vec<usize> = waits_for.iter().map(|all| real(all, count).count()).collect();
    let mut behind: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (node, all) in waits_for.iter().enumerate() {
        real(all, count).for_each(|before| behind[before].push(node));
    }
    let mut free: std::collections::BTreeSet<usize> = (0..count).filter(|node| left[*node] == 0).collect();
    let mut order = Vec::with_capacity(count);
    while let Some(node) = free.pop_first() {
        order.push(node);
        for next in &behind[node] {
            left[*next] -= 1;
            if left[*next] == 0 {
                free.insert(*next);
            }
        }
    }
    if order.len() == count { Ok(order) } else { Err(circle(waits_for, &left)) }
}

/// Walks from node to node among those that are left: each of them waits for another one of them, so
/// the walk comes back to where it was before.
fn circle(waits_for: &[Vec<usize>], left: &[usize]) -> Cycle {
    let stuck = |node: &usize| left[*node] > 0;
    let mut place = vec![None; left.len()];
    let mut walk: Vec<usize> = Vec::new();
    let mut next = (0..left.len()).find(stuck);
    while let Some(node) = next {
        if let Some(from) = place[node] {
            return Cycle(walk.split_off(from));
        }
        place[node] = Some(walk.len());
        walk.push(node);
        next = real(&waits_for[node], left.len()).find(stuck);
    }
    Cycle(walk)
}

fn real(nodes: &[usize], count: usize) -> impl Iterator<Item = usize> {
    nodes.iter().copied().filter(move |node| *node < count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_comes_behind_what_it_waits_for_and_otherwise_in_its_place() {
        assert_eq!(in_order(&[]), Ok(vec![]));
        assert_eq!(in_order(&[vec![], vec![], vec![]]), Ok(vec![0, 1, 2]));
        assert_eq!(in_order(&[vec![2], vec![0], vec![]]), Ok(vec![2, 0, 1]));
        assert_eq!(in_order(&[vec![1, 2], vec![3], vec![3], vec![]]), Ok(vec![3, 1, 2, 0]));
        assert_eq!(in_order(&[vec![9], vec![0]]), Ok(vec![0, 1]), "a number that is no node's");
    }

    #[test]
    fn a_circle_is_named_without_those_that_only_wait_for_it() {
        assert_eq!(in_order(&[vec![0]]), Err(Cycle(vec![0])));
        assert_eq!(in_order(&[vec![], vec![0, 2], vec![3], vec![1], vec![1]]), Err(Cycle(vec![1, 2, 3])));
        assert_eq!(in_order(&[vec![1], vec![2], vec![1]]), Err(Cycle(vec![1, 2])));
    }

    #[test]
    fn a_long_chain_needs_no_deep_stack() {
        let chain: Vec<Vec<usize>> = (0..100_000).map(|node| vec![node + 1]).collect();
        assert_eq!(in_order(&chain).map(|order| order[0]), Ok(99_999));
    }
}
