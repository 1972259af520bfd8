"""What operators, sensors and triggers share: arguments, errors, leases, links, what a try leaves."""
