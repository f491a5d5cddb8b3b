//! Pictures of events, in the sizes that pages ask for.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;

use super::client::{Consistency, Store};
use super::error::{Result, StoreError};
use super::expression::Write;
use super::item::Item;
use super::keys;
use domain::ids::EventId;
use domain::image::{Image, ImageName};

/// A replaced picture is kept for pages, mails and posts that still show it.
const KEPT_SECONDS: u32 = 30 * 24 * 3_600;

/// One size of a picture.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Picture {
    pub name: ImageName,
    pub jpeg: Vec<u8>,
}

impl Store {
    /// A picture as a JPEG file.
    pub async fn picture(&self, event: &EventId, name: &ImageName) -> Result<Option<Vec<u8>>> {
        let key = keys::image(event, name);
        let Some(item) = self.get_item(&key, Consistency::Eventual).await? else {
            return Ok(None);
        };
        match item.get("jpeg") {
            Some(AttributeValue::B(jpeg)) => Ok(Some(jpeg.as_ref().to_vec())),
            _ => Err(StoreError::Unreadable("a picture without bytes".to_owned())),
        }
    }

    /// Stores pictures. The event that shows them must be written afterwards, so that no page refers
    /// to a picture that is not there.
    pub async fn put_pictures(&self, event: &EventId, pictures: &[Picture]) -> Result<()> {
        for picture in pictures {
            let jpeg = AttributeValue::B(Blob::new(picture.jpeg.clone()));
            let item = Item::from([("jpeg".to_owned(), jpeg)]);
            let put = Write::put(keys::image(event, &picture.name), item);
            // Without a condition, it is never refused.
            self.write_if_allowed(|_| put.clone()).await?;
        }
        Ok(())
    }

    /// Lets a replaced picture expire after some weeks.
    pub async fn expire_pictures(&self, event: &EventId, image: &Image) -> Result<()> {
        for name in image.names() {
            // One that is gone already is left alone.
            self.write_if_allowed(|now| {
                Write::update(keys::image(event, &name), "SET #ttl = :ttl")
                    .when("attribute_exists(#pk)")
                    .bind(":ttl", now.plus_seconds(KEPT_SECONDS).ttl_seconds())
            })
            .await?;
        }
        Ok(())
    }
}
