"""Where customers stand, how long they stay, and who will still be there."""

from cxmeasure.lifecycle import chart
from cxmeasure.lifecycle.assigning import assign_episodes
from cxmeasure.lifecycle.buying import probability_alive, summarise_purchases
from cxmeasure.lifecycle.competing import cumulative_incidence
from cxmeasure.lifecycle.lasting import state_probabilities, time_in_episode
from cxmeasure.lifecycle.leaving import leaving_hazard
from cxmeasure.lifecycle.projection import projected_retention
from cxmeasure.lifecycle.reduce.rules import WITH_CONTRACTS, WITHOUT_CONTRACTS
from cxmeasure.lifecycle.retention import cohort_retention
from cxmeasure.lifecycle.segments import rfm_segments
from cxmeasure.lifecycle.standing import occupancy, transitions
from cxmeasure.lifecycle.steadiness import segment_stability
from cxmeasure.lifecycle.worth import episode_value

__all__ = [
    "WITHOUT_CONTRACTS",
    "WITH_CONTRACTS",
    "assign_episodes",
    "chart",
    "cohort_retention",
    "cumulative_incidence",
    "episode_value",
    "leaving_hazard",
    "occupancy",
    "probability_alive",
    "projected_retention",
    "rfm_segments",
    "segment_stability",
    "state_probabilities",
    "summarise_purchases",
    "time_in_episode",
    "transitions",
]
