"""The slow reference: what one instance becomes, written from the documents alone and compared with the engine.

It shares no code with the native core. The encoded data set is read into a tree of elements that remember their own
bytes, the plan is applied to the tree, and what nothing touched is written back from those bytes. The reader itself is
checked against pydicom on the whole corpus (`tests/unit/test_oracle.py`).

Where the documents leave a choice, this module takes one and says so:

- In a sequence that a rule keeps, empties or deletes, what has a defined length is not read, and the
  rest is read for its structure only: nothing in it can matter.
- Content rules come behind the plan's own rules: what these refuse is refused, also where a content rule would
  delete it.
- In a value that a content rule resets, items whose own concept is to go still go; all else in it is reset.
- A study, series or SOP instance UID of more than 64 characters or others than letters, digits and dots
  can name no object: MISSING_UID.
- The two reserved bytes of a long header stay as they are when its length changes.
- Content of UN (and of unknown elements of implicit VR) that begins with an item which lies within it is a sequence and
  must be one to its end. In UN its items are implicit VR little endian. Source: PS3.5 §6.2.2, note 2.
- "Anything changed" is meant literally: group lengths go when the output without that rule differs from the input.
- Private creators are looked up in the whole data set; one that the plan names and that stands behind higher tags is
  refused (ELEMENT_ORDER): what it names may have passed by then.
- A deflated data set may be followed by nine bytes (padding, a gzip trailer), which go.
- Root elements that a stamp replaces are not asked for what the rules say about them.
- A SOP class that is not ASCII stands in the file meta with question marks.
- Recursing into an empty element of any VR is no mismatch: there is nothing in it.
- New values are of even length; a regenerated UID element has no padding but its last byte's.
- Compound codes go by the SOP class of the data set, else of the file meta; without one, by the rule's own verb.
- Encapsulated pixel data is read by its undefined length alone, whatever the transfer syntax says.
- Where a content item names several concepts, or one by several codes (CodeValue, LongCodeValue, URNCodeValue), nobody
  knows which one is meant: only rules that delete or reset hold.
- A concept that several rules name follows the one for the item's value type, else the strictest.
- A content rule that resets or regenerates resets whatever else holds a value in that item. One that keeps or shifts
  means values of its own type; free text and names under it are reset all the same.
- Items below an opened sequence that name no concept are judged like those whose concept no rule names.
- The patient's id is that of the first element with its tag, wherever it stands.
- A date under a VR that is not for dates moves if it is the only value and written as a DA.
- Dates are judged by their form and by the calendar; times of day behind them by their form alone.
"""

from tests.oracle.reading import (
    LONG_VRS,
    SHORT_VRS,
    Element,
    Encoding,
    Instance,
    Item,
    OracleRefused,
    Reader,
    dictionary_vr,
    read,
)
from tests.oracle.rewriting import Place, Rewriter, deidentify, inflated, rewrite, rewrite_instance

__all__ = [
    "LONG_VRS",
    "SHORT_VRS",
    "Element",
    "Encoding",
    "Instance",
    "Item",
    "OracleRefused",
    "Place",
    "Reader",
    "Rewriter",
    "deidentify",
    "dictionary_vr",
    "inflated",
    "read",
    "rewrite",
    "rewrite_instance",
]
