//! Refuses objects that no checkpoint has: ones that hold themselves, and towers of containers.

use crate::torch::pickle::object::{Id, Object};

/// Most containers inside of each other.
const MAX_DEPTH: usize = 100;

/// Walks everything below `root` once, without recursion.
pub(super) fn check(objects: &[Object], root: Id) -> Result<(), &'static str> {
    let mut visited = vec![Visit::NotYet; objects.len()];
    // Containers on the way from the root to here, each with the number of its parts that were walked already.
    let mut path: Vec<(Id, usize)> = vec![(root, 0)];
    visited[root.index()] = Visit::OnPath;
    while let Some((container, walked)) = path.last_mut() {
        let Some(part) = part(container.of(objects), *walked) else {
            visited[container.index()] = Visit::Done;
            path.pop();
            continue;
        };
        *walked += 1;
        match visited[part.index()] {
            Visit::Done => {}
            Visit::OnPath => return Err("an object holds itself"),
            Visit::NotYet if path.len() == MAX_DEPTH => return Err("objects are nested too deeply"),
            Visit::NotYet => {
                visited[part.index()] = Visit::OnPath;
                path.push((part, 0));
            }
        }
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Visit {
    NotYet,
    OnPath,
    Done,
}

/// The parts of a container, counted through; for dicts, keys and values in turn.
fn part(object: &Object, place: usize) -> Option<Id> {
    match object {
        Object::Tuple(parts) | Object::List(parts) => parts.get(place).copied(),
        Object::Dict(pairs) => {
            let &(key, value) = pairs.get(place / 2)?;
            Some(if place.is_multiple_of(2) { key } else { value })
        }
        _ => None,
    }
}
