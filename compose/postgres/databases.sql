-- Run once, by the PostgreSQL image, when its volume is empty. Each user of this server gets a role that owns its own
-- database and nothing else; the superuser is for administration only. Passwords come from the container's environment, so
-- a later change of them in compose/.env needs an `alter role` here as well.
\getenv pmc_password PMC_DATABASE_PASSWORD
\getenv registry_password PMC_REGISTRY_PASSWORD

create role pmc login password :'pmc_password';
create database pmc owner pmc;
revoke all on database pmc from public;

create role registry login password :'registry_password';
create database registry owner registry;
revoke all on database registry from public;
