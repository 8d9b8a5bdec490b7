"""Trust regions and mirror learning for teams, exactly on tables: HATRL, HAML, their instances and the baselines."""
