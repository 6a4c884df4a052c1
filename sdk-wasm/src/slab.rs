//! Clients and calls by the numbers that JavaScript has of them.

/// Things with numbers. A number is used again once its thing is gone.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    places: Vec<Option<T>>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { places: Vec::new() }
    }
}

impl<T> Slab<T> {
    pub(crate) fn insert(&mut self, thing: T) -> usize {
        let free = self.places.iter().position(Option::is_none);
        let place = free.unwrap_or(self.places.len());
        match self.places.get_mut(place) {
            Some(free) => *free = Some(thing),
            None => self.places.push(Some(thing)),
        }
        place
    }

    pub(crate) fn get(&self, place: usize) -> Option<&T> {
        self.places.get(place)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, place: usize) -> Option<&mut T> {
        self.places.get_mut(place)?.as_mut()
    }

    pub(crate) fn remove(&mut self, place: usize) {
        if let Some(place) = self.places.get_mut(place) {
            *place = None;
        }
    }
}
