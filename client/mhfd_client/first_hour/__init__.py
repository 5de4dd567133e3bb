"""The first hour with the real Globus: every guess that mhfd makes of it is asked there, and what was seen is kept."""
