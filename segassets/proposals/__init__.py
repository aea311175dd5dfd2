"""Stage: masks proposed on keyframes by level (whole, part, sub-part), filtered, and judged by recall."""
