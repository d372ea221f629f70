// The memory behind `@p@wr_…`: it takes data for bursts only that it has taken, and answers a burst, once, when all its data have come.
// `unanswered`: bursts taken and not answered; `begun`: beats due of bursts taken.
