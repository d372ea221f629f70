//! Memory by word: what it holds, and when the segment accessed it last.

use crate::record::Program;

/// Words in a page.
const PAGE: usize = 1024;
/// Pages in the address space.
const PAGES: usize = 1 << 20;

struct Page {
    words: [u32; PAGE],
    /// Time of the last access in `segment`; 0 for none.
    times: [u32; PAGE],
    /// The segment that `times` are of.
    segment: u32,
    /// Which words are instructions, a bit each; `None` if none is.
    code: Option<Box<[u64; PAGE / 64]>>,
}

impl Page {
    fn new() -> Box<Self> {
        Box::new(Self { words: [0; PAGE], times: [0; PAGE], segment: 0, code: None })
    }
}

/// The memory; words never written are zero. Pages exist once they are accessed.
pub(super) struct Memory {
    pages: Vec<Option<Box<Page>>>,
    segment: u32,
}

const fn split(address: u32) -> (usize, usize) {
    (address as usize / PAGE, address as usize % PAGE)
}

impl Memory {
    /// At the start of the program.
    pub(super) fn new(program: &Program) -> Self {
        let mut memory = Self { pages: std::iter::repeat_with(|| None).take(PAGES).collect(), segment: 0 };
        for &(address, word) in &program.image {
            memory.page(address).words[split(address).1] = word;
        }
        for &(pc, _) in &program.code {
            let place = split(pc / 4).1;
            let code = memory.page(pc / 4).code.get_or_insert_with(|| Box::new([0; PAGE / 64]));
            code[place / 64] |= 1 << (place % 64);
        }
        memory
    }

    #[inline(always)]
    fn page(&mut self, address: u32) -> &mut Page {
        self.pages[split(address).0].get_or_insert_with(Page::new)
    }

    /// The word at a word address below 2^30.
    #[inline(always)]
    pub(super) fn word(&self, address: u32) -> u32 {
        let (page, place) = split(address);
        self.pages[page].as_ref().map_or(0, |page| page.words[place])
    }

    /// When the segment accessed the word last; 0 if it has not.
    pub(super) fn time(&self, address: u32) -> u32 {
        let (page, place) = split(address);
        match &self.pages[page] {
            Some(page) if page.segment == self.segment => page.times[place],
            _ => 0,
        }
    }

    /// Whether the word is an instruction of the program.
    #[inline(always)]
    pub(super) fn is_code(&self, address: u32) -> bool {
        let (page, place) = split(address);
        match self.pages[page].as_ref().and_then(|page| page.code.as_ref()) {
            Some(code) => code[place / 64] >> (place % 64) & 1 == 1,
            None => false,
        }
    }

    /// Writes a word without noting the time.
    #[inline(always)]
    pub(super) fn set(&mut self, address: u32, word: u32) {
        self.page(address).words[split(address).1] = word;
    }

    /// The word and the time of its last access, to be replaced.
    #[inline(always)]
    pub(super) fn cell(&mut self, address: u32) -> (&mut u32, &mut u32) {
        let segment = self.segment;
        let page = self.page(address);
        if page.segment != segment {
            page.segment = segment;
            page.times.fill(0);
        }
        let place = split(address).1;
        (&mut page.words[place], &mut page.times[place])
    }

    /// Starts a segment: nothing is accessed yet.
    pub(super) fn next_segment(&mut self) {
        self.segment += 1;
    }
}
