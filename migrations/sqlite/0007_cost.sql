-- What carriers tell of their prices, and reports over it.

-- A status that came too early may be the one that tells the price.
ALTER TABLE parked_status ADD COLUMN price_micros INTEGER;
ALTER TABLE parked_status ADD COLUMN price_currency TEXT;

-- Reports go through a year of an organisation's messages: everything that they need of one is in the index, so that
-- the long rows of texts are not read.
CREATE INDEX message_report ON message
    (org_id, direction, at, channel, line_id, account_id, parts, price_currency, price_micros, id);
